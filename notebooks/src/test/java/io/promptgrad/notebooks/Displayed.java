package io.promptgrad.notebooks;

import java.io.IOException;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;

/**
 * The functions that IJava and JJava give to every cell. Instead of sending anything to a browser
 * they check it and keep it.
 */
public final class Displayed {

  private static final List<String> SHOWN = new ArrayList<>();

  private Displayed() {}

  /**
   * Shows something.
   *
   * @param as wanted MIME types; HTML must be well-formed and have content
   * @return the display's id, for {@link #updateDisplay}
   */
  public static String display(Object value, String... as) {
    synchronized (SHOWN) {
      SHOWN.add(checked(value, as));
      return Integer.toString(SHOWN.size() - 1);
    }
  }

  /** Replaces what was shown. */
  public static void updateDisplay(String id, Object value, String... as) {
    synchronized (SHOWN) {
      SHOWN.set(Integer.parseInt(id), checked(value, as));
    }
  }

  /** What a cell's last expression would show; here only checked. */
  public static Object render(Object value, String... as) {
    return checked(value, as);
  }

  /** Everything shown since the last call. */
  static List<String> take() {
    synchronized (SHOWN) {
      List<String> shown = List.copyOf(SHOWN);
      SHOWN.clear();
      return shown;
    }
  }

  private static String checked(Object value, String... as) {
    String text = String.valueOf(value);
    if (text.isBlank()) {
      throw new IllegalArgumentException("Nothing is displayed.");
    }
    for (String type : as) {
      switch (type) {
        case "text/html", "image/svg+xml" -> requireContent(text);
        case "text/plain", "text/markdown" -> {}
        default -> throw new IllegalArgumentException("No kernel renders text as " + type + ".");
      }
    }
    return text;
  }

  private static void requireContent(String html) {
    try {
      // The markup of this project is well-formed XML, which is stricter than what browsers want.
      Document document =
          DocumentBuilderFactory.newInstance()
              .newDocumentBuilder()
              .parse(new InputSource(new StringReader("<cell>" + html + "</cell>")));
      boolean drawn = document.getElementsByTagName("svg").getLength() > 0;
      int style = 0;
      for (int i = 0; i < document.getElementsByTagName("style").getLength(); i++) {
        style += document.getElementsByTagName("style").item(i).getTextContent().strip().length();
      }
      if (!drawn && document.getDocumentElement().getTextContent().strip().length() <= style) {
        throw new IllegalArgumentException("The HTML displayed has no content: " + html);
      }
    } catch (SAXException | IOException e) {
      throw new IllegalArgumentException("The HTML displayed is malformed: " + html, e);
    } catch (ParserConfigurationException e) {
      throw new IllegalStateException(e);
    }
  }
}
