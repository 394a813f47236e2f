package io.promptgrad.lm.program;

import static org.assertj.core.api.Assertions.assertThat;

import io.promptgrad.lm.TinyModels;
import java.io.File;
import java.io.IOException;
import java.net.MalformedURLException;
import java.net.URI;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativesTest {

  @TempDir Path directory;

  // ------------------------------------------------------------------ found where, and why there

  @Test
  void found_here_existAndAreTheReleaseThatTheBindingsRead() {
    Natives natives = Natives.found();
    assertThat(natives.folder().resolve(System.mapLibraryName("torch"))).exists();
    assertThat(natives.release()).contains(LibTorch.RELEASE);
    assertThat(natives.bindings()).hasValueSatisfying(file -> assertThat(file).exists());
    assertThat(natives.wrong()).isEmpty();
    assertThat(LibTorch.engine().getVersion()).isEqualTo(LibTorch.RELEASE);
  }

  /** Tests run with the CPU's jar unless -Pgpu leaves it out. */
  @Test
  void reason_here_namesTheJarOrSaysThatThereIsNone() throws MalformedURLException {
    Natives natives = Natives.found();
    assertThat(natives.reason())
        .contains(
            switch (natives.origin()) {
              case NAMED -> "PYTORCH_LIBRARY_PATH";
              case JAR -> "pytorch-native-cpu-2.7.1";
              case DOWNLOADED -> "downloaded";
            });
    URL inside = URI.create("jar:file:/lib/pytorch-native-cpu-2.7.1.jar!/native/x").toURL();
    assertThat(Natives.file(inside)).isEqualTo("pytorch-native-cpu-2.7.1.jar");
  }

  @Test
  void releaseOf_pipsFolderOrAnArchives_isRead() throws IOException {
    Path pip = Files.createDirectories(directory.resolve("torch/lib"));
    Files.writeString(
        directory.resolve("torch/version.py"), "__version__ = '2.11.0+cu130'\ndebug = False\n");
    Path archive = Files.createDirectories(directory.resolve("libtorch/lib"));
    Files.writeString(directory.resolve("libtorch/build-version"), "2.7.1+cu128\n");
    Path silent = Files.createDirectories(directory.resolve("silent/lib"));

    assertThat(Natives.releaseOf(pip)).contains("2.11.0");
    assertThat(Natives.releaseOf(archive)).contains("2.7.1");
    assertThat(Natives.releaseOf(silent)).isEmpty();
    assertThat(Natives.releaseOf(Path.of("/"))).isEmpty();
  }

  /** Another release loads, runs, and then fails on the first number that is read back. */
  @Test
  void wrong_otherReleaseOrAPathWithoutLibrary_isSaid() {
    assertThat(Natives.wrong("/torch/lib", true, Optional.of("2.11.0")))
        .hasValueSatisfying(
            text -> assertThat(text).contains("2.11.0", "2.7.1", "PYTORCH_LIBRARY_PATH"));
    assertThat(Natives.wrong("/nowhere", false, Optional.of("2.7.1")))
        .hasValueSatisfying(text -> assertThat(text).contains("/nowhere", "unset"));
    assertThat(Natives.wrong("/torch/lib", true, Optional.of("2.7.1"))).isEmpty();
    assertThat(Natives.wrong(null, false, Optional.empty())).isEmpty();
  }

  @Test
  void engine_buildOfTheLibrary_decidesWhetherThereAreGpus() {
    if (!LibTorch.isBuiltForCuda()) { // whatever the machine has
      assertThat(LibTorch.gpuCount()).isZero();
    }
  }

  // ------------------------------------------------------------------ the network

  @Test
  void model_loadedByALibrarysUser_wantsNothingFromTheNetwork() throws Exception {
    assertThat(use(List.of(), "model")).contains("wanted [], RUST_FLAVOR cpu");
  }

  @Test
  void tokenizer_openedBeforeAnythingElse_wantsNothingFromTheNetwork() throws Exception {
    assertThat(use(List.of(), "tokenizer")).contains("wanted [], RUST_FLAVOR cpu");
  }

  /** What the two tests above would see; and what a user has set stays set. */
  @Test
  void model_userAllowsTelemetry_reachesForTheNetwork() throws Exception {
    assertThat(use(List.of("-DOPT_OUT_TRACKING=false", "-DRUST_FLAVOR=cpu"), "model"))
        .contains("wanted [http");
  }

  /** Prints of a process without the settings that Maven gives to tests. */
  private String use(List<String> options, String what) throws Exception {
    Path folder = TinyModels.copy("bert", directory);
    TinyModels.addCharacterTokenizer(folder);
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Xmx256m");
    command.addAll(options);
    command.addAll(
        List.of("-cp", classPath(), NetworkUse.class.getName(), what, folder.toString()));
    Path output = directory.resolve("output.txt");
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
    builder
        .environment()
        .keySet()
        .removeAll(List.of("OPT_OUT_TRACKING", "RUST_FLAVOR", "DJL_OFFLINE"));
    Process process = builder.start();
    boolean ended = process.waitFor(2, TimeUnit.MINUTES);
    process.destroyForcibly();
    String text = Files.readString(output);
    assertThat(ended).as(text).isTrue();
    assertThat(process.exitValue()).as(text).isZero();
    return text;
  }

  private static String classPath() {
    String tested = System.getProperty("surefire.test.class.path"); // not its launcher's jar
    return tested == null
        ? System.getProperty("java.class.path")
        : tested.replace(File.pathSeparator + File.pathSeparator, File.pathSeparator);
  }
}
