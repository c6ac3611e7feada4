package io.github.tensorseed;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Reads the text of an initializer into a tree.
///
/// ```
/// initializer = name [arguments] { "with" "row" "(" number ")" "=" number }
/// arguments   = "(" [argument { "," argument }] ")"
/// argument    = [name "="] (text | number)
/// text        = "'" characters but "'" "'" | '"' characters but '"' '"' | bare
/// bare        = characters but space , ( ) = ^ * ' " that hold a ":" or "..", begin with "/" or "./", or have a "." before a letter (as in
///               x.npy) that begins no exponent
/// number      = term { ("+" | "-") term }
/// term        = factor { ("*" | "/") factor }
/// factor      = "-" factor | atom ["^" factor]
/// atom        = decimal | name [arguments] | "(" number ")"
/// ```
final class Syntax {
  static final int LONGEST = 1 << 16;
  static final int DEEPEST = 64;

  private static final String NOT_BARE = ",()=^*'\"";
  /// What no number has.
  private static final Pattern PATH = Pattern.compile("\\.?/|.*?(:|\\.\\.|(?<!\\d)\\.\\p{L}|\\.(?![eE][-+]?\\d)\\p{L})", Pattern.DOTALL);

  /// A part of the text, from character `start` to before character `end`.
  sealed interface Node {
    int start();

    int end();
  }

  record Literal(int start, int end, double value) implements Node {}

  /// A variable, a constant or a word.
  record Name(int start, int end, String name) implements Node {}

  /// A path, or the like.
  record Text(int start, int end, String text) implements Node {}

  record Negative(int start, int end, Node of) implements Node {}

  /// A sum or product: a long one is no deeper than a short one.
  record Chain(int start, int end, Node first, List<Step> steps) implements Node {}

  /// One operation of a chain; its operand ends before character `end`.
  record Step(char operator, Node operand, int end) {}

  record Power(int start, int end, Node base, Node exponent) implements Node {}

  record Call(int start, int end, String name, List<Argument> arguments) implements Node {}

  record Argument(@Nullable String keyword, int start, Node value) {}

  record Row(int start, Node index, Node value) {}

  record Tree(String text, Call call, List<Row> rows) {}

  private final String source;
  private final StringBuilder canonical = new StringBuilder();
  private int position;
  private int end;
  private int depth;

  private Syntax(String source) {
    this.source = source;
  }

  /// @throws ExpressionException if `source` is no initializer
  static Tree parse(String source) {
    Syntax syntax = new Syntax(source);
    if (source.length() > LONGEST) {
      throw syntax.at(LONGEST, "the text has " + source.length() + " characters; at most " + LONGEST + " are read");
    }
    return syntax.tree();
  }

  private Tree tree() {
    skipSpace();
    int start = position;
    String name = name("an initializer, as in normal(0, 0.02)");
    Call call = call(start, name);
    List<Row> rows = new ArrayList<>();
    while (position < source.length()) {
      int with = position;
      enter();
      canonical.append(' ');
      boolean bare = rows.isEmpty() && call.end() == name.length() + start;
      keyword("with", (bare ? "'(', " : "") + "'with row(...) = ...' or the end");
      canonical.append(' ');
      keyword("row", "'row(...) = ...'");
      expect('(', "'(' and the row's index");
      Node index = number();
      expect(')', "')' after the row's index");
      canonical.append(' ');
      expect('=', "'=' and the row's value");
      canonical.append(' ');
      rows.add(new Row(with, index, number()));
    }
    return new Tree(canonical.toString(), call, List.copyOf(rows));
  }

  private Call call(int start, String name) {
    List<Argument> arguments = peek() == '(' ? arguments() : List.of();
    return new Call(start, end, name, arguments);
  }

  private List<Argument> arguments() {
    enter();
    expect('(', "'('");
    List<Argument> arguments = new ArrayList<>();
    if (peek() != ')') {
      do {
        if (!arguments.isEmpty()) {
          expect(',', "',' or ')'");
          canonical.append(' ');
        }
        arguments.add(argument(arguments));
      } while (peek() == ',');
    }
    expect(')', "',' or ')'");
    depth--;
    return List.copyOf(arguments);
  }

  private Argument argument(List<Argument> before) {
    int start = position;
    String keyword = null;
    int length = nameLength();
    int next = start + length;
    while (next < source.length() && Character.isWhitespace(source.charAt(next))) {
      next++;
    }
    if (length > 0 && next < source.length() && source.charAt(next) == '=') {
      keyword = name("a name");
      expect('=', "'='");
    }
    for (Argument argument : before) {
      if (keyword == null && argument.keyword() != null) {
        throw at(start, "an argument without a name after one with a name");
      }
      if (keyword != null && keyword.equals(argument.keyword())) {
        throw at(start, "the argument '" + keyword + "' is given twice");
      }
    }
    Node text = text();
    return new Argument(keyword, start, text != null ? text : number());
  }

  /// Quoted or bare text, or null where none begins.
  private @Nullable Text text() {
    int start = position;
    char quote = peek();
    if (quote == '\'' || quote == '"') {
      int close = source.indexOf(quote, start + 1);
      if (close < 0) {
        throw at(start, "the text in quotes that begins here does not end");
      }
      consume(close + 1 - start);
      return new Text(start, end, source.substring(start + 1, close));
    }
    int length = bareLength(source, start);
    if (!PATH.matcher(source).region(start, start + length).lookingAt()) {
      return null;
    }
    consume(length);
    return new Text(start, end, source.substring(start, end));
  }

  /// How many characters from `start` on may be those of a bare text.
  static int bareLength(String source, int start) {
    int at = start;
    while (at < source.length() && !Character.isWhitespace(source.charAt(at)) && NOT_BARE.indexOf(source.charAt(at)) < 0) {
      at++;
    }
    return at - start;
  }

  private Node number() {
    enter();
    Node sum = chain('+', '-');
    depth--;
    return sum;
  }

  /// Terms with + and - between, or factors with * and /.
  private Node chain(char one, char other) {
    int start = position;
    Node first = operand(one);
    List<Step> steps = new ArrayList<>();
    while (peek() == one || peek() == other) {
      char operator = take();
      Node operand = operand(one);
      steps.add(new Step(operator, operand, end));
    }
    return steps.isEmpty() ? first : new Chain(start, end, first, List.copyOf(steps));
  }

  private Node operand(char operator) {
    return operator == '+' ? chain('*', '/') : factor();
  }

  private Node factor() {
    enter();
    int start = position;
    Node factor;
    if (peek() == '-') {
      take();
      Node of = factor();
      factor = new Negative(start, end, of);
    } else {
      factor = atom();
      if (peek() == '^') {
        take();
        Node exponent = factor();
        factor = new Power(start, end, factor, exponent);
      }
    }
    depth--;
    return factor;
  }

  private Node atom() {
    int start = position;
    if (peek() == '(') {
      take();
      Node inner = number();
      expect(')', "')' or an operator");
      return inner;
    }
    if (peek() == '.' || isDigit(peek())) {
      return literal();
    }
    String name = name("a number, a name or '('");
    return peek() == '(' ? call(start, name) : new Name(start, end, name);
  }

  private Literal literal() {
    int start = position;
    int at = digits(start);
    if (at < source.length() && source.charAt(at) == '.') {
      at = digits(at + 1);
    }
    if (at == start + 1 && source.charAt(start) == '.') {
      throw at(start, "a number needs a digit");
    }
    if (at < source.length() && (source.charAt(at) == 'e' || source.charAt(at) == 'E')) {
      int exponent = at + 1;
      if (exponent < source.length() && (source.charAt(exponent) == '+' || source.charAt(exponent) == '-')) {
        exponent++;
      }
      at = digits(exponent);
      if (at == exponent) {
        throw at(start, "a number's exponent needs a digit");
      }
    }
    String text = source.substring(start, at);
    double value = Double.parseDouble(text);
    if (!Double.isFinite(value)) {
      throw at(start, "the number is too large; the largest is " + Double.MAX_VALUE);
    }
    consume(at - start);
    return new Literal(start, end, value);
  }

  private int digits(int from) {
    int at = from;
    while (at < source.length() && isDigit(source.charAt(at))) {
      at++;
    }
    return at;
  }

  private void keyword(String word, String expected) {
    int length = nameLength();
    if (!source.substring(position, position + length).equals(word)) {
      throw expected(expected);
    }
    consume(length);
  }

  private String name(String expected) {
    int length = nameLength();
    if (length == 0) {
      throw expected(expected);
    }
    String name = source.substring(position, position + length);
    consume(length);
    return name;
  }

  private int nameLength() {
    int at = position;
    while (at < source.length() && (isLetter(source.charAt(at)) || at > position && isDigit(source.charAt(at)))) {
      at++;
    }
    return at - position;
  }

  private void expect(char wanted, String expected) {
    if (peek() != wanted) {
      throw expected(expected);
    }
    take();
  }

  /// The next character, or NUL at the end, where no rule of the grammar has one.
  private char peek() {
    return position < source.length() ? source.charAt(position) : 0;
  }

  private char take() {
    char c = peek();
    consume(1);
    return c;
  }

  private void consume(int length) {
    canonical.append(source, position, position + length);
    position += length;
    end = position;
    skipSpace();
  }

  private void skipSpace() {
    while (position < source.length() && Character.isWhitespace(source.charAt(position))) {
      position++;
    }
  }

  private void enter() {
    if (++depth > DEEPEST) {
      throw at(position, "the text is more than " + DEEPEST + " levels deep");
    }
  }

  private ExpressionException expected(String expected) {
    int found = position < source.length() ? source.codePointAt(position) : -1;
    return at(position,
        (found < 0 ? "the text ends" : "found '" + Character.toString(found) + "'") + " where " + expected + " was expected");
  }

  private ExpressionException at(int start, String fault) {
    return new ExpressionException(source, start, fault, null);
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  private static boolean isLetter(char c) {
    return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_';
  }
}
