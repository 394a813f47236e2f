package io.promptgrad.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class TablesTest {

  @Test
  void stepTable_withoutRounds_isRefused() {
    assertThat(new CommandLine(new AutoPromptStepTable()).execute("--rounds", "0")).isEqualTo(2);
  }

  @Test
  void stepTable_withAnUnknownOption_isRefused() {
    assertThat(new CommandLine(new AutoPromptStepTable()).execute("--round", "1")).isEqualTo(2);
  }

  @Test
  void ndArrayTable_withoutRounds_isRefused() {
    assertThat(new CommandLine(new NdArrayTable()).execute("--rounds", "0")).isEqualTo(2);
  }

  @Test
  void memoryTable_fewSteps_findsNoGrowth() {
    assertThat(
            new CommandLine(new MemoryTable())
                .execute("--steps", "20", "--candidates", "2", "--examples", "2", "--json"))
        .isZero();
  }

  @Test
  void memoryTable_ofASearchForATarget_findsNoGrowth() {
    assertThat(new CommandLine(new MemoryTable()).execute("--steps", "20", "--search", "gcg"))
        .isZero();
  }

  @Test
  void reachTable_ofEveryMethod_isPrinted() {
    assertThat(
            new CommandLine(new ReachTable())
                .execute("--budget", "400", "--seeds", "1", "--width", "4", "--slots", "3"))
        .isZero();
  }

  @Test
  void loadingTable_ofATinyModel_isPrinted() {
    assertThat(new CommandLine(new LoadingTable()).execute("--tiny", "--rounds", "1")).isZero();
  }
}
