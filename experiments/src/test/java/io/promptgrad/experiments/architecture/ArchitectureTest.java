package io.promptgrad.experiments.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.simpleNameEndingWith;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.GeneralCodingRules.ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import ai.djl.engine.Engine;
import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.Test;

/**
 * The rules of the house that a compiler cannot see, over the classes of all modules that the
 * command line stands on. Modules that stand on it (benchmarks, notebooks) are out of sight here,
 * and Maven refuses the other direction.
 *
 * <p>Plain test methods, because Surefire 3.5.3 drops ArchUnit's annotated fields without a word,
 * and their failures with them (TNG/ArchUnit#1442).
 */
class ArchitectureTest {

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .withImportOption(location -> !location.contains("-tests.jar")) // core's contracts
          .withImportOption(location -> !location.contains("/io/promptgrad/fuzz/"))
          .importPackages("io.promptgrad");

  private static final String[] CORE = {
    "io.promptgrad.bandit..",
    "io.promptgrad.data..",
    "io.promptgrad.download..",
    "io.promptgrad.evaluation..",
    "io.promptgrad.files..",
    "io.promptgrad.input..",
    "io.promptgrad.metric..",
    "io.promptgrad.prompt..",
    "io.promptgrad.report..",
    "io.promptgrad.run..",
    "io.promptgrad.search..",
    "io.promptgrad.task..",
    "io.promptgrad.template.."
  };

  /** What may speak to the terminal: the command line, and the commands that make models. */
  private static final DescribedPredicate<JavaClass> COMMANDS =
      resideInAPackage("io.promptgrad.experiments..")
          .or(resideInAPackage("io.promptgrad.models..").and(simpleNameEndingWith("Command")))
          .as("commands");

  /** A package root that no layer names fails as well: say where a new one belongs. */
  @Test
  void modules_anyDependency_pointsTowardsTheCore() {
    layeredArchitecture()
        .consideringOnlyDependenciesInLayers()
        .layer("core")
        .definedBy(CORE)
        .layer("lm")
        .definedBy("io.promptgrad.lm..")
        .layer("gradient")
        .definedBy("io.promptgrad.gradient..")
        .layer("llm")
        .definedBy("io.promptgrad.llm..")
        .layer("local")
        .definedBy("io.promptgrad.local..")
        .layer("models")
        .definedBy("io.promptgrad.models..")
        .layer("experiments")
        .definedBy("io.promptgrad.experiments..")
        .whereLayer("core")
        .mayNotAccessAnyLayer()
        .whereLayer("lm")
        .mayOnlyAccessLayers("core")
        .whereLayer("gradient")
        .mayOnlyAccessLayers("core", "lm")
        .whereLayer("llm")
        .mayOnlyAccessLayers("core")
        .whereLayer("local")
        .mayOnlyAccessLayers("core", "lm", "llm")
        .whereLayer("models")
        .mayOnlyAccessLayers("core", "lm")
        .ensureAllClassesAreContainedInArchitecture()
        .check(CLASSES);
  }

  @Test
  void packages_anyTwo_formNoCycle() {
    slices().matching("io.promptgrad.(**)").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void core_anyClass_runsWithoutNativeCode() {
    noClasses()
        .that()
        .resideInAnyPackage(CORE)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "ai.djl..", "org.nd4j..", "org.bytedeco..", "com.sun.jna..", "org.sqlite..")
        .check(CLASSES);
  }

  /** Users with an API key and no native library: SQLite is reached through java.sql, if at all. */
  @Test
  void llm_anyClass_runsWithoutNativeCode() {
    noClasses()
        .that()
        .resideInAPackage("io.promptgrad.llm..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "ai.djl..", "org.nd4j..", "org.bytedeco..", "com.sun.jna..", "org.sqlite..")
        .check(CLASSES);
  }

  /** DJL keeps these classes for itself and may change them in any release. */
  @Test
  void nativeInterface_ofTheEngine_isTouchedInOnePackage() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.promptgrad.lm.program..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("ai.djl.pytorch.jni..")
        .check(CLASSES);
  }

  /**
   * The class calls its makers' servers when it is initialized, unless LibTorch was before: no
   * other way must lead to it, from the command line, a library's user or a notebook.
   */
  @Test
  void engine_ofDjl_isReachedThroughLibTorchOnly() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.promptgrad.lm.program..")
        .should()
        .dependOnClassesThat()
        .areAssignableTo(Engine.class)
        .check(CLASSES);
  }

  @Test
  void engine_namedAsPyTorch_isTouchedInLmOnly() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.promptgrad.lm..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("ai.djl.pytorch.engine..")
        .check(CLASSES);
  }

  @Test
  void classes_named_sayWhatTheyAre() {
    classes()
        .should()
        .haveNameNotMatching(".*(Utils?|Helpers?|Managers?|Impl)(\\$.*)?")
        .because("a class is named after its concept")
        .check(CLASSES);
  }

  @Test
  void library_anyClass_leavesTheTerminalAlone() {
    noClasses()
        .that(not(COMMANDS))
        .should(ACCESS_STANDARD_STREAMS)
        .because("standard output belongs to the command, which may promise one JSON object there")
        .check(CLASSES);
  }

  @Test
  void logging_anyClass_goesThroughSlf4j() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAPackage("java.util.logging..")
        .check(CLASSES);
  }

  @Test
  void randomness_anyClass_comesFromASeed() {
    noClasses()
        .should()
        .callMethod(Math.class, "random")
        .orShould()
        .callConstructor(Random.class)
        .orShould()
        .callConstructor(SplittableRandom.class)
        .orShould()
        .dependOnClassesThat()
        .areAssignableTo(ThreadLocalRandom.class)
        .because("one seed fixes a run")
        .check(CLASSES);
  }
}
