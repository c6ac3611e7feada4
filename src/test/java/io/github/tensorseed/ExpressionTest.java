package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.github.tensorseed.Distribution.Constant;
import io.github.tensorseed.Distribution.Normal;
import io.github.tensorseed.Expression.Definition;
import io.github.tensorseed.Expression.Scope;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ExpressionTest {
  private static final Scope SCOPE = new Scope(Shape.of(128, 64, 3, 3), Fans.Layout.OIHW, null,
      Map.of("n_layer", 12., "l", 3., "pad_token_id", 7., "initializer_range", 0.02));

  private static double number(String text) {
    return ((Constant) Expression.parse("constant(" + text + ")").resolve(SCOPE)).value();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      1 + 2 * 3           | 7
      (1 + 2) * 3         | 9
      10 - 3 - 2          | 5
      24 / 4 / 2          | 3
      2^3^2               | 512
      -2^2                | -4
      2^-1                | 0.5
      2 - -3              | 5
      --3                 | 3
      .5 + 1.             | 1.5
      1.5e-3              | 0.0015
      2E+2                | 200
      sqrt(16)            | 4
      log(exp(2))         | 2
      min(3, 1, 2)        | 1
      max(3, 1+4, 2)      | 5
      max(-1)             | -1
      0^0                 | 1
      rank                | 4
      fan_in              | 576
      fan_out             | 1152
      n_layer * l         | 36
      0.02/sqrt(2*n_layer)| 0.004082482904638631
      gain(tanh)          | 1.6666666666666667
      gain(leaky_relu, 0) | 1.4142135623730951
      gain(selu) * 4      | 3
      pi                  | 3.141592653589793
      """)
  void numbers(String text, double value) {
    assertThat(number(text)).isEqualTo(value);
  }

  @ParameterizedTest
  @ValueSource(strings = {
    "he_normal(fan=out, nonlinearity=relu)", "normal(0, 0.02/sqrt(2*n_layer))", "zeros", "zeros()", "he_normal(dialect=keras)",
    "normal(0, initializer_range) with row(pad_token_id) = 0", "constant(-(1+2)*3^-2/max(1, 2))",
    "truncated_normal_sigma(1/sqrt(2*64*(l+1)), 3)", "uniform(-1E-5, 1e-5)", "zeros() with row(0) = 1 with row(1) = -2"})
  void printsWhatWasRead(String text) {
    Expression expression = Expression.parse(text);
    assertThat(expression).hasToString(text);
    assertThat(Expression.parse(expression.toString())).isEqualTo(expression).hasSameHashCodeAs(expression);
    Expression spaced = Expression.parse("\n\t " + text.replaceAll("([-+*/^(),=])", " $1\n").replaceAll("(?i)(e) ([-+])\n", "$1$2") + " ");
    assertThat(spaced).isEqualTo(expression);
    assertThat(spaced).hasToString(text);
    assertThat(expression).isNotEqualTo(Expression.parse("ones"));
  }

  @Test
  void resolvesToWhatNeedsNoScope() {
    assertThat(Expression.parse("normal(0, 0.02/sqrt(2*n_layer))").resolve(SCOPE)).hasToString("normal(0, 0.004082482904638631)");
    assertThat(Expression.parse("he_normal").resolve(SCOPE)).hasToString("normal(0, 0.05892556509887896)");
    assertThat(Expression.parse("kaiming_uniform(fan=out)").resolve(SCOPE))
        .hasToString("uniform(-0.07216878364870322, 0.07216878364870322)");
    assertThat(Expression.parse("normal(0, l) with row(pad_token_id) = -l").resolve(SCOPE)).hasToString("normal(0, 3) with row(7) = -3");
    assertThat(Expression.parse("dirac").resolve(SCOPE)).hasToString("dirac(1, oihw)");
    assertThat(Expression.parse("normal(std=1, mean=0)").resolve(SCOPE)).isEqualTo(new Normal(0, 1));
    assertThat(Expression.parse("he_normal(layout=auto, a=none)").resolve(SCOPE)).isEqualTo(Initializers.heNormal().resolve(SCOPE.shape()));
  }

  /// Fans are worked out only where they are used.
  @Test
  void vectorsHaveNoFans() {
    assertThat(Expression.parse("normal(0, 1/rank)").resolve(Shape.of(3))).isEqualTo(new Normal(0, 1));
    assertThatThrownBy(() -> Expression.parse("normal(0, 1/fan_in)").resolve(Shape.of(3)))
        .hasMessageContaining("fan_in: fans need a tensor of rank 2 or more, and [3] has rank 1").hasMessageContaining("(column 13)");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
      he_nomral(fan=out)             | 0  | unknown initializer 'he_nomral'; did you mean 'he_normal'?
      frobnicate_everything          | 0  | unknown initializer 'frobnicate_everything'; known: bilinear, constant,
      Zeros                          | 0  | did you mean 'zeros'?
      ""                             | 0  | the text ends where an initializer, as in normal(0, 0.02) was expected
      (zeros)                        | 0  | found '(' where an initializer
      normal(0, )                    | 10 | found ')' where a number, a name or '(' was expected
      normal(0, 1                    | 11 | the text ends where ',' or ')' was expected
      normal(0 1)                    | 9  | found '1' where ',' or ')' was expected
      normal(0, 1) 2                 | 13 | found '2' where 'with row(...) = ...' or the end was expected
      zeros ones                     | 6  | where '(', 'with row(...) = ...' or the end was expected
      normal(0, (1+2)                | 15 | the text ends where ',' or ')' was expected
      normal(0, (1+2                 | 14 | the text ends where ')' or an operator was expected
      normal(0, 1+*2)                | 12 | found '*' where a number
      normal(0, 1e)                  | 10 | a number's exponent needs a digit
      normal(0, .)                   | 10 | a number needs a digit
      normal(0, 1e999)               | 10 | the number is too large
      normal(0, stdd=1)              | 10 | normal has no argument 'stdd'; did you mean 'std'?
      normal(0)                      | 8  | the argument 'std' of normal(mean, std) is missing
      normal                         | 5  | the argument 'mean' of normal(mean, std) is missing
      normal(0, 1, 2)                | 13 | one argument too many for normal(mean, std)
      normal(0, mean=1)              | 10 | the argument 'mean' is given twice
      normal(mean=0, mean=1)         | 15 | the argument 'mean' is given twice
      normal(mean=0, 1)              | 15 | an argument without a name after one with a name
      zeros(1)                       | 6  | one argument too many for zeros()
      zeros(v=1)                     | 6  | zeros has no argument 'v'; it has none
      zeros with rwo(0) = 0          | 11 | found 'r' where 'row(...) = ...' was expected
      zeros with row(0)              | 17 | the text ends where '=' and the row's value
      he_normal(fan=1 é)             | 16 | found 'é' where ',' or ')'
      """)
  void faultsOfTheText(String text, int position, String fault) {
    ExpressionException e = catchThrowableOfType(ExpressionException.class, () -> Expression.parse(text));
    assertThat(e).hasMessageContaining(fault).hasMessageContaining("(column " + (position + 1) + ")");
    assertThat(e.position()).isEqualTo(position);
    assertThat(e).hasMessageEndingWith("\n  " + text + "\n" + " ".repeat(position + 2) + "^");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
      normal(0, n_layers)             | 10 | unknown name 'n_layers'; did you mean 'n_layer'?
      normal(0, zzz)                  | 10 | unknown name 'zzz'; known: fan_in, fan_out, initializer_range, l, n_layer, pad_token_id, pi
      normal(0, sqr(2))               | 10 | unknown function 'sqr'; did you mean 'sqrt'?
      normal(0, 0.02/sqrt(l-3))       | 10 | 0.02/sqrt(l-3) is Infinity, and every number must be finite
      normal(0, 1+sqrt(0-l))          | 12 | sqrt(0-l) is NaN
      normal(0, (1+2)/(l - 3)*2)      | 10 | (1+2)/(l - 3) is Infinity
      normal(0, -(10^(400))*2)        | 12 | 10^(400) is Infinity
      normal(0, 10^400*2)             | 10 | 10^400 is Infinity
      normal(0, log(0))               | 10 | log(0) is -Infinity
      normal(0, sqrt(1, 2))           | 10 | sqrt of 2 arguments; it takes 1
      normal(0, sqrt())               | 10 | sqrt of 0 arguments; it takes 1
      normal(0, max(a=2))             | 14 | max has no argument 'a'
      normal(0, gain(2))              | 15 | '2' is none of the words linear, conv, sigmoid, tanh, relu, leaky_relu, selu, gelu, silu
      normal(0, gain(relu, 2))        | 21 | relu has no slope
      normal(0, -1)                   | 0  | normal(std=-1.0): the standard deviation must be finite and not negative
      uniform(1, -l)                  | 0  | low must not be above high
      truncated_normal(0, 1, 2, 1)    | 0  | low must be below high
      he_normal(fan=inn)              | 14 | 'inn' is none of the words in, out, avg, geo_avg, max
      he_normal(fan=1+2)              | 14 | '1+2' is none of the words
      he_normal(nonlinearity=tanh, a=1) | 31 | tanh has no slope
      truncated_normal_sigma(1, 2, 1) | 29 | '1' is none of the words false, true
      zeros with row(n_layer/5) = 0   | 15 | n_layer/5 = 2.4 must be an integer
      zeros with row(l*100) = 0       | 6  | row(300): a tensor of shape [128, 64, 3, 3] has rows 0 to 127
      variance_scaling(-1, in, normal) | 0 | the scale must be finite and not negative
      """)
  void faultsOfTheScope(String text, int position, String fault) {
    Expression expression = Expression.parse(text);
    ExpressionException e = catchThrowableOfType(ExpressionException.class, () -> expression.resolve(SCOPE));
    assertThat(e).hasMessageContaining(fault);
    assertThat(e.position()).isEqualTo(position);
  }

  @Test
  void longAndDeepTexts() {
    String sum = "constant(0" + "+1".repeat(32_000) + ")";
    assertThat(Expression.parse(sum).resolve(SCOPE)).isEqualTo(new Constant(32_000));
    assertThatThrownBy(() -> Expression.parse("constant(0" + "+1".repeat(33_000) + ")")).hasMessageContaining("at most 65536 are read");
    assertThat(number("(".repeat(30) + "1" + ")".repeat(30))).isEqualTo(1);
    for (String deep : List.of("(", "-", "2^", "sqrt(", "min(1,")) {
      assertThatThrownBy(() -> Expression.parse("constant(" + deep.repeat(10_000)))
          .as(deep).isInstanceOf(ExpressionException.class).hasMessageContaining("more than 64 levels deep");
    }
    assertThatThrownBy(() -> Expression.parse("zeros" + " with row(0) = 0".repeat(100))).hasMessageContaining("more than 64 levels deep");
    // A fault far inside a long text is shown with what is around it.
    ExpressionException e = catchThrowableOfType(ExpressionException.class,
        () -> Expression.parse("constant(0" + "+1".repeat(1000) + "+oops)").resolve(SCOPE));
    assertThat(e.getMessage()).hasSizeLessThan(400).contains("unknown name 'oops'");
    List<String> lines = String.valueOf(e.getMessage()).lines().toList();
    assertThat(lines.get(1).substring(lines.get(2).indexOf('^'))).startsWith("oops");
  }

  /// A caller's own class: it prints itself as its text, and comes back from it.
  record Mine(double scale, boolean loud, Nonlinearity nonlinearity) implements Initializer {
    static final Map<String, Definition> KNOWN = Map.of("mine(scale, loud=false, nonlinearity=relu)", (arguments, _) ->
        new Mine(arguments.number("scale"), arguments.flag("loud"), arguments.word("nonlinearity", Nonlinearity.class)));

    @Override
    public void fill(Tensor tensor, RandomStream stream) {
      Initializers.constant(scale).fill(tensor, stream);
    }

    @Override
    public String toString() {
      return "mine(" + Numbers.text(scale) + ", " + loud + ", " + nonlinearity + ")";
    }
  }

  @Test
  void ownInitializers() {
    Initializer mine = Expression.parse("mine(2*l, nonlinearity=silu) with row(0) = 1", Mine.KNOWN).resolve(SCOPE);
    assertThat(mine).isEqualTo(new WithRow(new Mine(6, false, Nonlinearity.SILU), 0, 1))
        .hasToString("mine(6, false, silu) with row(0) = 1");
    assertThat(Expression.parse(mine.toString(), Mine.KNOWN).resolve(SCOPE)).isEqualTo(mine);
    assertThat(Expression.parse("ones", Mine.KNOWN).resolve(SCOPE)).isEqualTo(new Constant(1));
    assertThatThrownBy(() -> Expression.parse("mine()", Mine.KNOWN))
        .hasMessageContaining("'scale' of mine(scale, loud=false, nonlinearity=relu)");
    assertThatThrownBy(() -> Expression.parse("mime(1)", Mine.KNOWN)).hasMessageContaining("did you mean 'mine'?");
    assertThatThrownBy(() -> Expression.parse("mine(1)")).hasMessageContaining("unknown initializer 'mine'");
    assertThatThrownBy(() -> Expression.parse("ones", Map.of("normal(x)", (_, _) -> new Constant(1))))
        .hasMessageContaining("the initializer 'normal' is already known");
    assertThatThrownBy(() -> Expression.parse("own", Map.of("own(1)", (_, _) -> new Constant(1))))
        .hasMessageContaining("a signature lists names");
    // A fault in a default is shown in the signature.
    assertThatThrownBy(() -> Expression.parse("own", Map.of("own(x=1/(l-3))", (x, _) -> new Constant(x.number("x")))).resolve(SCOPE))
        .hasMessageContaining("1/(l-3) is Infinity").hasMessageContaining("\n  own(x=1/(l-3))\n");
    // An own initializer may lean on an expression, and what it needs is resolved too.
    Map<String, Definition> wide = Map.of("wide(factor=4)", (arguments, scope) ->
        new Normal(0, arguments.number("factor") / Math.sqrt(scope.fans(scope.layout()).in())));
    assertThat(Expression.parse("wide", wide).resolve(SCOPE)).isEqualTo(new Normal(0, 4 / Math.sqrt(576)));
    assertThat(Expression.parse("him", Map.of("him", (_, _) -> Expression.parse("he_normal"))).resolve(SCOPE))
        .isEqualTo(Expression.parse("he_normal").resolve(SCOPE));
  }

  /// An initializer with a text that tells what it was given.
  private static final Map<String, Definition> NAMED = Map.of("named(text='', number=1)", (arguments, _) ->
      Initializer.named("named(" + Arguments.quoted(arguments.text("text")) + ", " + Numbers.text(arguments.number("number")) + ")",
          new Constant(0)));

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
      named                            | ``
      named('')                        | ``
      named('a, b) "c" = ^ é  d', 2) | a, b) "c" = ^ é  d
      named("it's")                    | it's
      named(x.npy)                     | x.npy
      named(text = x.npy , number = 2) | x.npy
      named(/a/b.c)                    | /a/b.c
      named(./x)                       | ./x
      named(../../x-1)                 | ../../x-1
      named(a/../b)                    | a/../b
      named(old-1.safetensors:h.0.attn_w+b.weight) | old-1.safetensors:h.0.attn_w+b.weight
      named(10k.gz, 3)                 | 10k.gz
      named(1.x)                       | 1.x
      named(données.npy)               | données.npy
      named(a.b#c)                     | a.b#c
      named(data/train)                | data/train
      named(train-images-idx3-ubyte)   | train-images-idx3-ubyte
      named(x)                         | x
      named(-1.5e-3/2)                 | -1.5e-3/2
      named(1.e5)                      | 1.e5
      """)
  void texts(String text, String meant) {
    Expression expression = Expression.parse(text, NAMED);
    assertThat(Expression.parse(expression.toString(), NAMED)).isEqualTo(expression);
    Initializer resolved = expression.resolve(SCOPE);
    assertThat(resolved.toString()).startsWith("named(" + Arguments.quoted(meant) + ", ");
    assertThat(Expression.parse(resolved.toString(), NAMED).resolve(SCOPE)).hasToString(resolved.toString());
  }

  /// What is a number stays one, and what is text is none.
  @Test
  void textsAreNoNumbers() {
    assertThat(number("1.e2")).isEqualTo(100);
    assertThat(number("1./2")).isEqualTo(0.5);
    assertThat(number("l/3-1.E+1")).isEqualTo(-9);
    assertThatThrownBy(() -> number("x.npy")).hasMessageContaining("x.npy is text, and a number is wanted here (column 10)");
    assertThatThrownBy(() -> number("'1'")).hasMessageContaining("'1' is text");
    assertThatThrownBy(() -> Expression.parse("he_normal(fan='in')").resolve(SCOPE)).hasMessageContaining("''in'' is none of the words");
    assertThatThrownBy(() -> Expression.parse("named(a / b)", NAMED).resolve(SCOPE)).hasMessageContaining("a / b is no text; put it in quotes");
    assertThatThrownBy(() -> Expression.parse("named(max(1, 2))", NAMED).resolve(SCOPE)).hasMessageContaining("is no text; put it in quotes");
    assertThatThrownBy(() -> Expression.parse("named('a)", NAMED)).hasMessageContaining("does not end").hasMessageContaining("(column 7)");
    assertThatThrownBy(() -> Expression.parse("named('a'b)", NAMED)).hasMessageContaining("found 'b' where ',' or ')' was expected");
    assertThatThrownBy(() -> Expression.parse("zeros with row('a') = 0")).hasMessageContaining("found ''' where a number");
    assertThatThrownBy(() -> Arguments.quoted("'\"")).hasMessageContaining("both kinds of quotes");
  }

  @Test
  void everySignatureIsListedOnceAndReads() {
    assertThat(Expression.signatures()).doesNotHaveDuplicates().isSorted()
        .contains("normal(mean, std)", "identity(gain=1)", "stft(side, window=hann, scaling=density, periodic=false)")
        .allSatisfy(signature -> assertThat(Syntax.parse(signature).text()).isEqualTo(signature));
  }
}
