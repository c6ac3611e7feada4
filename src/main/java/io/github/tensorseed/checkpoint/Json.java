package io.github.tensorseed.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Reads JSON of unknown origin, one token at a time: strict UTF-8, shallow, and of what is kept never more than a budget.
///
/// Every fault is an IOException that names the file and the offset in characters.
final class Json implements AutoCloseable {
  /// Characters of the longest key.
  static final int MAX_NAME = 50_000;

  /// Characters of the longest string.
  static final int MAX_STRING = 1 << 23;

  static final JsonFactory FACTORY = JsonFactory.builder()
      .streamReadConstraints(StreamReadConstraints.builder()
          .maxNestingDepth(16).maxNameLength(MAX_NAME).maxStringLength(MAX_STRING).maxNumberLength(100).build())
      .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES) // keys are as many as tensors, and differ
      .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
      .build();

  /// Bytes of the objects around a text that is kept.
  private static final long PER_TEXT = 240;

  /// Heap that the contents of files may take, in bytes.
  static final class Budget {
    private static final long BYTES = 64L << 20;
    private long left = BYTES;
  }

  private final String source;
  private final Budget budget;
  private final JsonParser parser;

  /// @param source what is read, for messages
  Json(String source, InputStream utf8, Budget budget) throws IOException {
    this.source = source;
    this.budget = budget;
    // A decoder that is made like this reports what is malformed; Jackson's own would also guess UTF-16 and UTF-32.
    parser = FACTORY.createParser(new InputStreamReader(utf8, StandardCharsets.UTF_8.newDecoder()));
  }

  /// Of a plain file.
  static Json open(Path file) throws IOException {
    return new Json(file.toString(), Files.newInputStream(file, LinkOption.NOFOLLOW_LINKS), new Budget());
  }

  /// Of a text.
  static Json of(String source, String text) throws IOException {
    return new Json(source, new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)), new Budget());
  }

  /// What is done with one member of an object, whose value is the next token.
  interface Member {
    void accept(String key) throws IOException;
  }

  /// Reads an object from its brace to the closing one.
  void object(String what, Member member) throws IOException {
    expect(JsonToken.START_OBJECT, what + " is to be an object");
    while (next() != JsonToken.END_OBJECT) {
      String key = parser.currentName();
      checkUnicode(key);
      member.accept(key);
    }
  }

  /// Reads a string.
  String string(String what) throws IOException {
    expect(JsonToken.VALUE_STRING, what + " is to be a string");
    String text = text();
    checkUnicode(text);
    return text;
  }

  /// Reads a plain number from 0 to 2^63 - 1.
  long number(String what) throws IOException {
    next();
    return current(what);
  }

  /// Reads an array of at most `most` plain numbers.
  long[] numbers(String what, int most) throws IOException {
    expect(JsonToken.START_ARRAY, what + " is to be an array");
    long[] values = new long[most];
    int count = 0;
    while (next() != JsonToken.END_ARRAY) {
      if (count == most) {
        throw malformed(what + " has more than " + most + " numbers");
      }
      values[count++] = current(what);
    }
    return Arrays.copyOf(values, count);
  }

  /// Reads an array of strings.
  void strings(String what, Member member) throws IOException {
    expect(JsonToken.START_ARRAY, what + " is to be an array");
    while (next() != JsonToken.END_ARRAY) {
      if (parser.currentToken() != JsonToken.VALUE_STRING) {
        throw malformed(what + " is to be an array of strings");
      }
      String text = text();
      checkUnicode(text);
      member.accept(text);
    }
  }

  /// Passes over a value of any kind.
  void skip() throws IOException {
    next();
    try {
      parser.skipChildren();
    } catch (JsonProcessingException | CharacterCodingException e) {
      throw malformed(e);
    }
  }

  /// Reads to the end, where only white space may be.
  void end() throws IOException {
    if (advance() != null) {
      throw malformed("something follows the closing brace");
    }
  }

  private long current(String what) throws IOException {
    if (parser.currentToken() == JsonToken.VALUE_NUMBER_INT) {
      String text = text();
      // Nineteen digits may still be too many for a long.
      if (text.length() <= 19 && text.charAt(0) != '-' && (text.length() < 19 || text.compareTo("9223372036854775807") <= 0)) {
        return Long.parseLong(text);
      }
    }
    throw malformed(what + " is to be a plain number from 0 to 2^63 - 1");
  }

  private String text() throws IOException {
    try {
      return parser.getText();
    } catch (JsonProcessingException | CharacterCodingException e) {
      throw malformed(e);
    }
  }

  private void expect(JsonToken token, String rule) throws IOException {
    if (next() != token) {
      throw malformed(rule);
    }
  }

  private JsonToken next() throws IOException {
    JsonToken token = advance();
    if (token == null) {
      throw malformed("it ends too early");
    }
    return token;
  }

  private @Nullable JsonToken advance() throws IOException {
    try {
      return parser.nextToken();
    } catch (JsonProcessingException | CharacterCodingException e) {
      throw malformed(e);
    }
  }

  /// Takes the room of `text`, and of the objects and the `more` bytes that belong to it, out of the budget.
  void keep(String text, long more) throws IOException {
    budget.left -= PER_TEXT + 2L * text.length() + more;
    if (budget.left < 0) {
      throw malformed("names and metadata are too many to be held in " + (Budget.BYTES >> 20) + " MB");
    }
  }

  private void checkUnicode(String text) throws IOException {
    for (int i = 0; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i)) && !Character.isSupplementaryCodePoint(text.codePointAt(i++))) {
        throw malformed("an unpaired surrogate");
      }
    }
  }

  private IOException malformed(IOException cause) {
    return malformed(cause instanceof JsonProcessingException e ? e.getOriginalMessage() : "not UTF-8", cause);
  }

  IOException malformed(String rule) {
    return malformed(rule, null);
  }

  private IOException malformed(String rule, @Nullable Throwable cause) {
    return new IOException(source + ", character " + parser.currentLocation().getCharOffset() + ": " + Printable.of(rule), cause);
  }

  @Override
  public void close() throws IOException {
    parser.close();
  }
}
