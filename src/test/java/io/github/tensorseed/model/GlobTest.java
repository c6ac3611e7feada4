package io.github.tensorseed.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.CharRange;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GlobTest {
  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "* | a.b.c | {}", "*.b | a.b | {}", "*.b | .b | {}", "*.b | b |", "a*a | a |", "a*a | aa | {}", "a?c | abc | {}", "a?c | ac |",
      "**a** | bab | {}", "h.{l}.* | h.12.ln_1.bias | {l=12.0}", "*.{l}.*.{e}.w1 | m.3.x.7.w1 | {e=7.0, l=3.0}", "{l} | 007 | {l=7.0}",
      "h.1{l}.* | h.12.x |", "h.{l}2.x | h.12.x |", "*{l} | a12 | {l=12.0}", "*{l}x | 1a12x | {l=12.0}", "a.{l} | a.x |", "a.{l} | a. |",
      "*1{l} | 11 |", "? | 1 | {}", "x | y |", "*x | '' |"})
  void matches(String glob, String name, String variables) {
    Map<String, Double> match = new Glob(glob).match(name);
    assertThat(match == null ? null : match.toString()).isEqualTo(variables);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "'' | an empty pattern", "a{ | column 2: '{' must begin a variable", "a{} | column 2", "{1} | column 1", "{a b} | column 1",
      "{l}.{l} | column 5: the variable {l} is there twice", "a} | column 2: '}' without a '{'"})
  void faults(String glob, String message) {
    assertThatThrownBy(() -> new Glob(glob)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining(message);
  }

  /// The same patterns as regular expressions, which try every way to match.
  @Property(tries = 20_000)
  void agreesWithRegularExpressions(@ForAll @CharRange(from = 'a', to = 'e') @StringLength(min = 1, max = 8) String pattern,
      @ForAll @CharRange(from = 'a', to = 'c') @StringLength(max = 10) String word) {
    String glob = pattern.replace('b', '1').replace('c', '*').replace('d', '?')
        .replaceFirst("e", "{l}").replaceFirst("e", "{m}").replace('e', '2');
    String name = word.replace('b', '1').replace('c', '2');
    String regex = glob.replace("?", "\u0001").replace("*", ".*?").replace("\u0001", ".").replaceAll("\\{(.)}", "(?<!\\\\d)(?<$1>\\\\d++)");
    Matcher matcher = Pattern.compile(regex).matcher(name);
    Map<String, Double> expected = new TreeMap<>();
    boolean matches = matcher.matches();
    if (matches) {
      for (String variable : matcher.namedGroups().keySet()) {
        expected.put(variable, Double.parseDouble(matcher.group(variable)));
      }
    }
    assertThat(new Glob(glob).match(name)).as(glob + " on " + name).isEqualTo(matches ? expected : null);
  }

  /// A pattern that makes a matcher try again and again takes no longer than any.
  @Test
  void manyStarsAreNoBurden() {
    Glob glob = new Glob("*a".repeat(200) + "b");
    long start = System.nanoTime();
    assertThat(glob.match("a".repeat(5000))).isNull();
    assertThat(System.nanoTime() - start).isLessThan(1_000_000_000L);
  }
}
