package io.promptgrad.lm;

import java.util.List;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.FieldSource;

/** What every model promises, for each recorded one. */
@ParameterizedClass
@FieldSource("NAMES")
class EveryFamilyTest extends LanguageModelContract {

  static final List<String> NAMES = TinyModels.ALL;

  @Parameter String name;

  @Override
  protected LanguageModel model() {
    return TinyModels.shared(name, Precision.FLOAT64);
  }
}
