package io.github.tensorseed;

/// The laws that every device computes itself, in one pass over the tensor. Parameters are doubles; every constant that is derived from
/// them is computed in double and rounded to the computing type (binary32; binary64 for F64 tensors) once.
///
/// STREAM.md, at the root of the project, has the exact operations of each.
public sealed interface Distribution extends Initializer {

  /// Uniform in \[low, high\]: `min(fma(high - low, U, low), high)` with U in (0, 1]. A type narrower than F32 rounds that value once
  /// and may lie half a unit of its own outside.
  record Uniform(double low, double high) implements Distribution {
    public Uniform {
      require(low <= high, "uniform(" + low + ", " + high + "): low must not be above high");
      require(Double.isFinite(low) && Double.isFinite(high), "uniform(" + low + ", " + high + "): the bounds must be finite");
    }

    @Override
    public String toString() {
      return "uniform(" + Numbers.text(low) + ", " + Numbers.text(high) + ")";
    }
  }

  /// Normal: `fma(std, z, mean)`, z by Box and Muller's method from two words. A std of 0 gives the mean.
  record Normal(double mean, double std) implements Distribution {
    public Normal {
      requireStd("normal", mean, std);
    }

    @Override
    public String toString() {
      return "normal(" + Numbers.text(mean) + ", " + Numbers.text(std) + ")";
    }
  }

  /// The exponential of a normal.
  record LogNormal(double mean, double std) implements Distribution {
    public LogNormal {
      requireStd("log_normal", mean, std);
    }

    @Override
    public String toString() {
      return "log_normal(" + Numbers.text(mean) + ", " + Numbers.text(std) + ")";
    }
  }

  /// Normal under the condition that it lies in \[low, high\], absolute bounds: one word per element through the inverse of the
  /// distribution function, from the nearer tail.
  record TruncatedNormal(double mean, double std, double low, double high) implements Distribution {
    public TruncatedNormal {
      requireStd("truncated_normal", mean, std);
      require(low < high, "truncated_normal(low=" + low + ", high=" + high + "): low must be below high");
      require(Double.isFinite(low) && Double.isFinite(high),
          "truncated_normal(low=" + low + ", high=" + high + "): the bounds must be finite");
    }

    /// The probabilities from which the values are computed, of a standard normal Z.
    ///
    /// @param below P(Z < (low - mean) / std)
    /// @param above P(Z > (high - mean) / std)
    /// @param inside the probability between
    /// @param split integers below it give the lower half of the law: (1/2 - below) / inside, times 2^32, or 2^53 for F64
    public record Tails(double below, double above, double inside, long split) {}

    /// The tails for a computing type of binary64 (`wide`) or binary32.
    ///
    /// @throws IllegalArgumentException if the interval has no probability that the computing type can express
    public Tails tails(boolean wide) {
      double a = (low - mean) / std;
      double b = (high - mean) / std;
      double inside = NormalTail.between(a, b);
      double computed = wide ? inside : (float) inside;
      require(computed > 0 && computed <= 1,
          this + ": the interval [" + low + ", " + high + "] is " + a + " to " + b + " standard deviations from the mean and has no"
              + " probability that " + (wide ? "binary64" : "binary32") + " can express; move the bounds nearer to the mean");
      double below = NormalTail.upper(-a);
      double units = wide ? 0x1p53 : 0x1p32;
      double split = Math.rint(units * ((0.5 - below) / inside));
      return new Tails(below, NormalTail.upper(b), inside, (long) Math.clamp(split, 0, units));
    }

    private Moments truncated() {
      double a = (low - mean) / std;
      double b = (high - mean) / std;
      if (b - a < 1e-3) {
        return new Uniform(low, high).moments(); // so narrow that the density is flat, and the terms below cancel
      }
      double inside = NormalTail.between(a, b);
      double shift = (NormalTail.density(a) - NormalTail.density(b)) / inside;
      double edges = (weighted(a) - weighted(b)) / inside;
      return new Moments(mean + std * shift, std * Math.sqrt(Math.max(0, 1 + edges - shift * shift)));
    }

    /// An infinite bound has no density, also not when multiplied by it.
    private static double weighted(double bound) {
      return Double.isInfinite(bound) ? 0 : bound * NormalTail.density(bound);
    }

    @Override
    public String toString() {
      return "truncated_normal(" + Numbers.text(mean) + ", " + Numbers.text(std) + ", "
          + Numbers.text(low) + ", " + Numbers.text(high) + ")";
    }
  }

  /// `+value` where the top bit of the element's word is 0, else `-value`.
  record Signs(double value) implements Distribution {
    public Signs {
      require(Double.isFinite(value), "signs(" + value + "): the value must be finite");
    }

    @Override
    public String toString() {
      return "signs(" + Numbers.text(value) + ")";
    }
  }

  /// One value everywhere; no random words.
  record Constant(double value) implements Distribution {
    public Constant {
      require(Double.isFinite(value), "constant(" + value + "): the value must be finite");
    }

    @Override
    public String toString() {
      return value == 0 && 1 / value > 0 ? "zeros()" : value == 1 ? "ones()" : "constant(" + Numbers.text(value) + ")";
    }
  }

  /// The mean and the standard deviation of values, before they are rounded to a dtype.
  record Moments(double mean, double std) {}

  /// The moments of this law.
  default Moments moments() {
    return switch (this) {
      case Uniform(double low, double high) -> new Moments(low + (high - low) / 2, (high - low) / Math.sqrt(12));
      case Normal(double mean, double std) -> new Moments(mean, std);
      case LogNormal(double mean, double std) -> {
        double middle = Math.exp(mean + std * std / 2);
        yield new Moments(middle, middle * Math.sqrt(Math.expm1(std * std)));
      }
      case TruncatedNormal law -> law.truncated();
      case Signs(double value) -> new Moments(0, Math.abs(value));
      case Constant(double value) -> new Moments(value, 0);
    };
  }

  @Override
  default void fill(Tensor tensor, RandomStream stream) {
    tensor.device().fill(tensor, this, stream);
  }

  @Override
  default void check(DType dtype) {
    DType computing = dtype == DType.F64 ? DType.F64 : DType.F32;
    switch (this) {
      case Uniform(double low, double high) -> {
        dtype.requireHeld(this, "low", low);
        dtype.requireHeld(this, "high", high);
        computing.requireHeld(this, "high - low", high - low);
      }
      case Normal(double mean, double std) -> {
        computing.requireHeld(this, "mean", mean);
        computing.requireHeld(this, "std", std);
      }
      case LogNormal(double mean, double std) -> {
        computing.requireHeld(this, "mean", mean);
        computing.requireHeld(this, "std", std);
      }
      case TruncatedNormal law -> {
        computing.requireHeld(this, "mean", law.mean);
        computing.requireHeld(this, "std", law.std);
        dtype.requireHeld(this, "low", law.low);
        dtype.requireHeld(this, "high", law.high);
        law.tails(dtype == DType.F64);
      }
      case Signs(double value) -> dtype.requireHeld(this, "value", value);
      case Constant(double value) -> dtype.requireHeld(this, "value", value);
    }
  }

  private static void requireStd(String law, double mean, double std) {
    require(Double.isFinite(mean), law + "(mean=" + mean + "): the mean must be finite");
    require(std >= 0 && std < Double.POSITIVE_INFINITY, law + "(std=" + std + "): the standard deviation must be finite and not negative");
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
