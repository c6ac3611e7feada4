package io.github.tensorseed.model;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// A pattern of tensor names: `*` is any characters, dots included, `?` is one, `{l}` is a whole run of digits, taken as the variable l.
///
/// A run of digits is whole: `h.{l}.*` matches `h.12.ln_1.weight` with l = 12, `h.1{l}.*` matches nothing. That makes the first place
/// where a part between stars fits the only one to try, so matching takes no more steps than the lengths of pattern and name multiplied.
public final class Glob {
  private static final int ANY = -1;
  private static final int FIRST_VARIABLE = -2;

  private final String text;
  /// The parts between stars; each entry is a character, ANY, or FIRST_VARIABLE minus the index of the variable.
  private final List<int[]> parts = new ArrayList<>();
  private final List<String> variables = new ArrayList<>();

  /// @throws IllegalArgumentException if it is empty or its braces are wrong, with the column
  public Glob(String text) {
    this.text = text;
    if (text.isEmpty()) {
      throw new IllegalArgumentException("an empty pattern; use * to match every name");
    }
    Set<String> seen = new HashSet<>();
    List<Integer> part = new ArrayList<>();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '*' -> {
          parts.add(toArray(part));
          part.clear();
        }
        case '?' -> part.add(ANY);
        case '{' -> {
          int end = text.indexOf('}', i);
          String name = end < 0 ? "" : text.substring(i + 1, end);
          if (!name.matches("[A-Za-z_][A-Za-z_0-9]*")) {
            throw fault(i, "'{' must begin a variable, as in {l}");
          }
          if (!seen.add(name)) {
            throw fault(i, "the variable {" + name + "} is there twice; give each its own name");
          }
          part.add(FIRST_VARIABLE - variables.size());
          variables.add(name);
          i = end;
        }
        case '}' -> throw fault(i, "'}' without a '{'");
        default -> part.add((int) c);
      }
    }
    parts.add(toArray(part));
  }

  private IllegalArgumentException fault(int position, String what) {
    return new IllegalArgumentException("pattern '" + text + "' column " + (position + 1) + ": " + what);
  }

  private static int[] toArray(List<Integer> part) {
    return part.stream().mapToInt(Integer::intValue).toArray();
  }

  /// Whether all of `name` matches.
  public boolean matches(String name) {
    return match(name) != null;
  }

  /// The values of the variables if `name` matches, else null.
  @Nullable Map<String, Double> match(String name) {
    double[] values = new double[variables.size()];
    int last = parts.size() - 1;
    int at = matchAt(parts.getFirst(), name, 0, values);
    if (last == 0) {
      return at == name.length() ? named(values) : null;
    }
    for (int i = 1; i < last && at >= 0; i++) {
      at = find(parts.get(i), name, at, values);
    }
    if (at < 0) {
      return null;
    }
    int[] tail = parts.get(last);
    // Every entry takes at least a character, and all but variables exactly one.
    int start = variables.isEmpty() ? Math.max(at, name.length() - tail.length) : at;
    for (; start <= name.length(); start++) {
      if (matchAt(tail, name, start, values) == name.length()) {
        return named(values);
      }
    }
    return null;
  }

  private static int find(int[] part, String name, int from, double[] values) {
    for (int start = from; start <= name.length(); start++) {
      int end = matchAt(part, name, start, values);
      if (end >= 0) {
        return end;
      }
    }
    return -1;
  }

  /// Where the part ends if it fits at `start`, else -1.
  private static int matchAt(int[] part, String name, int start, double[] values) {
    int at = start;
    for (int entry : part) {
      if (at == name.length()) {
        return -1;
      }
      if (entry > FIRST_VARIABLE) {
        if (entry != ANY && entry != name.charAt(at)) {
          return -1;
        }
        at++;
      } else {
        int end = at;
        while (end < name.length() && isDigit(name.charAt(end))) {
          end++;
        }
        if (end == at || (at > 0 && isDigit(name.charAt(at - 1)))) {
          return -1;
        }
        values[FIRST_VARIABLE - entry] = Double.parseDouble(name.substring(at, end));
        at = end;
      }
    }
    return at;
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  private Map<String, Double> named(double[] values) {
    if (values.length == 0) {
      return Map.of();
    }
    Map<String, Double> named = new TreeMap<>();
    for (int i = 0; i < values.length; i++) {
      named.put(variables.get(i), values[i]);
    }
    return named;
  }

  @Override
  public String toString() {
    return text;
  }
}
