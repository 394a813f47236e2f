package io.promptgrad.lm.jinja;

import io.promptgrad.lm.jinja.Token.Kind;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cuts a template into tokens, with the blanks around tags as Jinja2 has them under {@code
 * trim_blocks} and {@code lstrip_blocks}.
 *
 * <p>The line feed right after a block or comment goes, and so do blanks between the beginning of a
 * line and a block or comment. A minus inside a tag takes all white space on its side, a plus keeps
 * all. One line feed at the end of the template goes.
 */
final class Lexer {

  private static final Pattern RAW =
      Pattern.compile("\\{%[-+]?\\s*raw\\s*(?:-%\\}\\s*|%\\})", Pattern.UNICODE_CHARACTER_CLASS);
  private static final Pattern END_RAW =
      Pattern.compile("\\{%([-+]?)\\s*endraw\\s*([-+]?)%\\}", Pattern.UNICODE_CHARACTER_CLASS);
  private static final Pattern FLOAT =
      Pattern.compile(
          "(?<!\\.)(?:\\d+_)*+\\d++"
              + "(?:(?:\\.(?:\\d+_)*+\\d++)?[eE][+-]?(?:\\d+_)*+\\d++|\\.(?:\\d+_)*+\\d++)");
  private static final Pattern INTEGER =
      Pattern.compile(
          "0[bB](?:_?[01])++|0[oO](?:_?[0-7])++|0[xX](?:_?[\\da-fA-F])++"
              + "|[1-9](?:_?\\d)*+|0(?:_?0)*+");
  private static final Pattern NAME = Pattern.compile("\\w++", Pattern.UNICODE_CHARACTER_CLASS);
  private static final Pattern OPERATOR =
      Pattern.compile("//|\\*\\*|==|!=|>=|<=|[-+/*%~\\[\\](){}<>=.:|,;]");

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int at;
  private boolean lineStarts = true; // whether what was consumed last ended a line
  private int countedTo;
  private int line = 1;

  Lexer(String template) {
    String lines = template.replace("\r\n", "\n").replace('\r', '\n');
    this.source = lines.endsWith("\n") ? lines.substring(0, lines.length() - 1) : lines;
  }

  List<Token> tokens() {
    while (at < source.length()) {
      int tag = nextTag();
      if (tag < 0) {
        text(source.length(), '+', false);
        at = source.length();
        break;
      }
      char kind = source.charAt(tag + 1);
      char sign = tag + 2 < source.length() ? source.charAt(tag + 2) : ' ';
      boolean signed = sign == '-' || sign == '+';
      text(tag, sign, kind != '{');
      Matcher raw = RAW.matcher(source).region(tag, source.length());
      if (kind == '%' && raw.lookingAt()) {
        at = raw.end();
        raw(tag);
      } else {
        at = tag + (signed ? 3 : 2);
        if (kind == '#') {
          comment(tag);
        } else {
          add(kind == '%' ? Kind.BLOCK_BEGIN : Kind.PRINT_BEGIN, "", tag);
          inside(kind == '%', tag);
        }
      }
      lineStarts = source.charAt(at - 1) == '\n';
    }
    add(Kind.END, "", source.length());
    return tokens;
  }

  private int nextTag() {
    for (int i = source.indexOf('{', at); i >= 0; i = source.indexOf('{', i + 1)) {
      if (i + 1 < source.length() && "{%#".indexOf(source.charAt(i + 1)) >= 0) {
        return i;
      }
    }
    return -1;
  }

  /** The text up to a tag, without what the tag takes of it. */
  private void text(int end, char sign, boolean block) {
    int stop = end;
    if (sign == '-') {
      while (stop > at && Python.isSpace(source.charAt(stop - 1))) {
        stop--;
      }
    } else if (block && sign != '+') {
      int start = end; // of the last line
      while (start > at && source.charAt(start - 1) != '\n') {
        start--;
      }
      if ((start > at || lineStarts) && Python.isBlank(source, start, end)) {
        stop = start;
      }
    }
    if (stop > at) {
      add(Kind.TEXT, source.substring(at, stop), at);
    }
  }

  /** Behind a block or comment that ends at {@code at} with this sign. */
  private void behind(char sign) {
    if (sign == '-') {
      while (at < source.length() && Python.isSpace(source.charAt(at))) {
        at++;
      }
    } else if (sign != '+' && at < source.length() && source.charAt(at) == '\n') {
      at++;
    }
  }

  private void comment(int begin) {
    int end = source.indexOf("#}", at);
    if (end < 0) {
      throw new TemplateProblem(lineOf(begin), "the comment that begins here does not end");
    }
    char sign = end > at ? source.charAt(end - 1) : ' ';
    at = end + 2;
    behind(sign);
  }

  private void raw(int begin) {
    Matcher end = END_RAW.matcher(source);
    if (!end.find(at)) {
      throw new TemplateProblem(lineOf(begin), "the raw block that begins here does not end");
    }
    lineStarts = source.charAt(at - 1) == '\n';
    text(end.start(), end.group(1).isEmpty() ? ' ' : end.group(1).charAt(0), true);
    at = end.end();
    behind(end.group(2).isEmpty() ? ' ' : end.group(2).charAt(0));
  }

  /** The tokens of a tag, up to its end; within brackets nothing ends it. */
  private void inside(boolean block, int begin) {
    Deque<Character> open = new ArrayDeque<>();
    String close = block ? "%}" : "}}";
    while (true) {
      while (at < source.length() && Python.isSpace(source.charAt(at))) {
        at++;
      }
      if (at == source.length()) {
        throw new TemplateProblem(lineOf(begin), "the tag that begins here does not end");
      }
      char c = source.charAt(at);
      boolean signed = c == '-' || (block && c == '+');
      if (open.isEmpty() && source.startsWith(close, at + (signed ? 1 : 0))) {
        add(block ? Kind.BLOCK_END : Kind.PRINT_END, "", at);
        at += signed ? 3 : 2;
        behind(block || signed ? c : '+');
        return;
      }
      if (c == '\'' || c == '"') {
        string(c);
      } else if (!(match(Kind.FLOAT, FLOAT)
          || match(Kind.INTEGER, INTEGER)
          || match(Kind.NAME, NAME)
          || match(Kind.OPERATOR, OPERATOR))) {
        String shown = Character.toString(source.codePointAt(at));
        throw new TemplateProblem(lineOf(at), "the character '" + shown + "' is unexpected");
      } else {
        balance(open, tokens.get(tokens.size() - 1));
      }
    }
  }

  private boolean match(Kind kind, Pattern pattern) {
    Matcher matcher =
        pattern.matcher(source).region(at, source.length()).useTransparentBounds(true);
    if (!matcher.lookingAt()) {
      return false;
    }
    add(kind, matcher.group(), at);
    at = matcher.end();
    return true;
  }

  private static void balance(Deque<Character> open, Token token) {
    if (!token.is(Kind.OPERATOR)) {
      return;
    }
    switch (token.text()) {
      case "(" -> open.push(')');
      case "[" -> open.push(']');
      case "{" -> open.push('}');
      case ")", "]", "}" -> {
        if (open.isEmpty() || open.pop() != token.text().charAt(0)) {
          throw new TemplateProblem(
              token.line(), "'" + token.text() + "' closes nothing that is open");
        }
      }
      default -> {}
    }
  }

  private void string(char quote) {
    int begin = at;
    StringBuilder value = new StringBuilder();
    at++;
    while (true) {
      if (at >= source.length()) {
        throw new TemplateProblem(lineOf(begin), "the string that begins here does not end");
      }
      char c = source.charAt(at++);
      if (c == quote) {
        break;
      }
      if (c == '\\' && at < source.length()) {
        escape(value);
      } else {
        value.append(c);
      }
    }
    add(Kind.STRING, value.toString(), begin);
  }

  /** What a backslash and the characters after it stand for in Python. */
  private void escape(StringBuilder into) {
    char c = source.charAt(at++);
    switch (c) {
      case '\n' -> {} // the line goes on
      case '\\', '\'', '"' -> into.append(c);
      case 'a' -> into.append('\u0007');
      case 'b' -> into.append('\b');
      case 'f' -> into.append('\f');
      case 'n' -> into.append('\n');
      case 'r' -> into.append('\r');
      case 't' -> into.append('\t');
      case 'v' -> into.append('\u000b');
      case 'x' -> into.appendCodePoint(number(2, 2, 16));
      case 'u' -> into.appendCodePoint(number(4, 4, 16));
      case 'U' -> into.appendCodePoint(number(8, 8, 16));
      case 'N' -> throw new TemplateProblem(lineOf(at), "the escape \\N{...} is not supported");
      default -> {
        if (c >= '0' && c <= '7') {
          at--;
          into.appendCodePoint(number(1, 3, 8));
        } else {
          into.append('\\').append(c);
        }
      }
    }
  }

  private int number(int fewest, int most, int radix) {
    int value = 0;
    int digits = 0;
    while (digits < most && at < source.length()) {
      int digit = source.charAt(at) < 128 ? Character.digit(source.charAt(at), radix) : -1;
      if (digit < 0) {
        break;
      }
      value = value * radix + digit;
      digits++;
      at++;
    }
    if (digits < fewest || !Character.isValidCodePoint(value)) {
      throw new TemplateProblem(lineOf(at), "a string has a wrong escape");
    }
    return value;
  }

  private void add(Kind kind, String text, int position) {
    tokens.add(new Token(kind, text, lineOf(position)));
  }

  /** Positions are asked for in order. */
  private int lineOf(int position) {
    for (; countedTo < position && countedTo < source.length(); countedTo++) {
      if (source.charAt(countedTo) == '\n') {
        line++;
      }
    }
    return line;
  }
}
