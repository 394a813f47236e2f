package io.promptgrad.files;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.fasterxml.jackson.dataformat.yaml.util.StringQuotingChecker;

/**
 * The one way in which YAML is written here. All text is quoted: unquoted words such as {@code no},
 * {@code 1e5}, {@code 0x10} or {@code ~} would be read back as something else.
 */
public final class Yaml {

  private static final ObjectMapper WRITER =
      YAMLMapper.builder(YAMLFactory.builder().stringQuotingChecker(new Quoting()).build())
          .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
          .disable(YAMLGenerator.Feature.SPLIT_LINES)
          .build();

  /** Keys that are words are not quoted, for people; text always is, whatever is asked here. */
  private static final class Quoting extends StringQuotingChecker.Default {

    private static final long serialVersionUID = 1L;

    @Override
    public boolean needToQuoteName(String name) {
      return super.needToQuoteName(name) || !name.matches("[A-Za-z][A-Za-z0-9_]*");
    }
  }

  private Yaml() {}

  /** Returns the mapping as a YAML document. */
  public static String write(ObjectNode mapping) {
    try {
      return WRITER.writeValueAsString(mapping);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("A tree could not be written as YAML.", e);
    }
  }
}
