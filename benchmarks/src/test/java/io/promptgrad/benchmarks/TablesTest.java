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
}
