package io.github.tensorseed.cli;

import io.github.tensorseed.whitening.Covariance.Precision;
import io.github.tensorseed.whitening.Epsilon;
import io.github.tensorseed.whitening.Rank;
import io.github.tensorseed.whitening.Scatter;
import io.github.tensorseed.whitening.Whitening;
import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// What is learnt from rows, as `zca fit` is told.
public final class WhiteningOptions {
  @Option(names = "--kind", paramLabel = "KIND", defaultValue = "zca", description = "zca or pca. Default: ${DEFAULT-VALUE}.")
  String kind = "zca";

  @Option(names = "--eps", paramLabel = "E", defaultValue = "auto",
      description = "What is added to each eigenvalue, so that directions of little variance are not blown up: a number; auto, 1e-6 times"
          + " their mean; relative:S, S times their mean; keras:E, to the singular value as Keras does; sums:E, to the eigenvalue of the sum of"
          + " products, as torchvision's recipe does. Default: ${DEFAULT-VALUE}.")
  String epsilon = "auto";

  @Option(names = "--rank", paramLabel = "N|SHARE",
      description = "Keeps the N components of most variance, or as few as have this share of it, as in 0.99. Default: all that are more than"
          + " rounding.")
  @Nullable String rank;

  @Option(names = "--ddof", paramLabel = "0|1",
      description = "Divides by the number of rows less this. Default: 1; 0 with keras:E and sums:E.")
  @Nullable Integer ddof;

  @Option(names = "--precision", paramLabel = "PRECISION", defaultValue = "default",
      description = "default: in F64, but of more than 1024 features products of F32 rows in F32; f32: all in F32, faster; f64: all in F64."
          + " Default: ${DEFAULT-VALUE}.")
  String precision = "default";

  @Option(names = "--shrinkage", paramLabel = "S", defaultValue = "none",
      description = "none, or ledoit-wolf for few rows. Default: ${DEFAULT-VALUE}.")
  String shrinkage = "none";

  /// What is to be made of the rows.
  ///
  /// @throws IllegalArgumentException for a text that means nothing, with the option
  public Whitening.Options options() {
    Epsilon added = epsilon();
    int less = ddof != null ? ddof : added instanceof Epsilon.SingularValue || added instanceof Epsilon.OfSums ? 0 : 1;
    if (less != 0 && less != 1) {
      throw new IllegalArgumentException("--ddof " + less + ": it is 1 for the unbiased covariance, or 0");
    }
    return Whitening.Options.of(choice("--kind", Whitening.Kind.class, kind)).with(added).with(rank()).withDdof(less);
  }

  /// What products are computed in.
  ///
  /// @throws IllegalArgumentException for a text that means nothing
  public Precision precision() {
    return precision.equalsIgnoreCase("default") ? Precision.MIXED : choice("--precision", Precision.class, precision);
  }

  /// What eigenvalues are drawn to.
  ///
  /// @throws IllegalArgumentException for a text that means nothing
  public Scatter.Shrinkage shrinkage() {
    return choice("--shrinkage", Scatter.Shrinkage.class, shrinkage);
  }

  private Epsilon epsilon() {
    if (epsilon.equals("auto")) {
      return Epsilon.standard();
    }
    int colon = epsilon.indexOf(':');
    String form = epsilon.substring(0, colon + 1);
    double value;
    try {
      value = Double.parseDouble(epsilon.substring(colon + 1));
      return switch (form) {
        case "" -> new Epsilon.Absolute(value);
        case "relative:" -> new Epsilon.Relative(value);
        case "keras:" -> new Epsilon.SingularValue(value);
        case "sums:" -> new Epsilon.OfSums(value);
        default -> throw new NumberFormatException(form);
      };
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("--eps " + epsilon + ": give a number, as in 0.1, relative:S, keras:E, sums:E or auto", e);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("--eps " + epsilon + ": " + e.getMessage(), e);
    }
  }

  private Rank rank() {
    if (rank == null) {
      return Rank.all();
    }
    try {
      return rank.matches("-?\\d+") ? new Rank.Count(Integer.parseInt(rank)) : new Rank.Variance(Double.parseDouble(rank));
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("--rank " + rank + ": give a number of components, or a share of the variance, as in 0.99", e);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("--rank " + rank + ": " + e.getMessage(), e);
    }
  }

  static String name(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  static <E extends Enum<E>> E choice(String option, Class<E> type, String text) {
    return Arrays.stream(type.getEnumConstants()).filter(value -> name(value).equalsIgnoreCase(text)).findAny()
        .orElseThrow(() -> new IllegalArgumentException(option + " " + text + ": it is "
            + String.join(" or ", Arrays.stream(type.getEnumConstants()).map(WhiteningOptions::name).toList())));
  }
}
