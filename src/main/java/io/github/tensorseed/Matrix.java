package io.github.tensorseed;

import java.util.Locale;
import java.util.function.LongToDoubleFunction;
import org.jspecify.annotations.Nullable;

/// Initializers whose every value follows from its index, or from one word of the stream: the host works them out in double and rounds
/// once to binary32 (unless the tensor is F64) and once to the dtype, in pieces of bounded size, for any device.
public sealed interface Matrix extends Initializer {

  /// `gain` where row and column are equal, else 0.
  ///
  /// - Shape: rank 2, square or not.
  record Identity(double gain) implements Matrix {
    public Identity {
      Numbers.requireFinite("identity", "gain", gain);
    }

    @Override
    public String toString() {
      return "identity(" + Numbers.text(gain) + ")";
    }
  }

  /// 1 where output n of a group meets input n at the centre of the kernel (index extent / 2), else 0: a convolution that copies its
  /// input.
  ///
  /// - Shape: rank 3 to 5; `groups` divides the outputs.
  /// - Source: PyTorch's `dirac_`.
  record Dirac(long groups, Fans.Layout layout) implements Matrix {
    public Dirac {
      require(groups >= 1, "dirac(groups=" + groups + "): at least 1 group is needed");
    }

    @Override
    public String toString() {
      return "dirac(" + groups + ", " + layout + ")";
    }
  }

  /// ZerO: the identity, cut off where there are more inputs than outputs; where there are fewer, the upper left corner of the Hadamard
  /// matrix H_m, m = ceil(log2(outputs)), times 2^(-(m - 1) / 2). A convolution has it at the centre of its kernel, else 0.
  ///
  /// - Shape: rank 2 to 5.
  /// - Source: J. Zhao et al., arXiv 2110.12661, algorithms 1 and 2; the authors' code scales by 2^(-m / 2).
  record ZerO(Fans.Layout layout) implements Matrix {
    @Override
    public String toString() {
      return "zero_init(" + layout + ")";
    }
  }

  /// The kernel of a transposed convolution that interpolates linearly: along each axis of the kernel 1 - |x / f - c| with
  /// f = ceil(extent / 2) and c = (2 f - 1 - f mod 2) / (2 f), multiplied; the same for every pair of input and output.
  ///
  /// - Shape: rank 3 to 5; the kernel may be longer along one axis than along another.
  /// - Source: MXNet's `Bilinear`, for square kernels; its code under Python 3 forgets to drop the fraction of one index.
  record Bilinear(Fans.Layout layout) implements Matrix {
    @Override
    public String toString() {
      return "bilinear(" + layout + ")";
    }
  }

  /// `forget` in the second quarter, which is the forget gate's (gates i, f, g, o), else 0.
  ///
  /// - Shape: rank 1, a multiple of 4.
  /// - Source: MXNet's `LSTMBias`; R. Jozefowicz et al., ICML 2015. Gates in the order of PyTorch, MXNet and Keras.
  record LstmBias(double forget) implements Matrix {
    public LstmBias {
      Numbers.requireFinite("lstm_bias", "forget", forget);
    }

    @Override
    public String toString() {
      return "lstm_bias(" + Numbers.text(forget) + ")";
    }
  }

  /// log(1), log(2), ... along the last axis: Mamba's `A_log`.
  ///
  /// - Shape: rank 1 or more.
  /// - Source: A. Gu and T. Dao, arXiv 2312.00752, the real S4D initialization.
  record MambaALog() implements Matrix {
    @Override
    public String toString() {
      return "mamba_a_log()";
    }
  }

  /// Mamba's bias of dt: x with softplus(x) = dt, where log(dt) is uniform in \[log(min), log(max)\]:
  /// dt = exp(log(min) + (log(max) - log(min)) (w + 1/2) 2^-32) for word w of the element, whatever the dtype, and
  /// x = dt + log(-expm1(-dt)), all in double.
  ///
  /// - Source: A. Gu and T. Dao, arXiv 2312.00752; the authors' floor of 1e-4 is a choice of `min` here.
  record MambaDt(double min, double max) implements Matrix {
    public MambaDt {
      require(min > 0 && min <= max && max < Double.POSITIVE_INFINITY,
          "mamba_dt(min=" + min + ", max=" + max + "): 0 < min <= max < infinity is needed");
    }

    private static double inverseSoftplus(double dt) {
      return dt + StrictMath.log(-StrictMath.expm1(-dt));
    }

    @Override
    public String toString() {
      return "mamba_dt(" + Numbers.text(min) + ", " + Numbers.text(max) + ")";
    }
  }

  /// The kernel of a convolution that computes one side of a short-time Fourier transform: the window at time t, over its scale, times
  /// cos or sin of -2 pi t f / (2 (F - 1)).
  ///
  /// - Shape: \[T, 1, F\], T samples of a frame and F >= 2 frequencies.
  /// - Source: Keras's `STFTInitializer`; windows as in `scipy.signal.get_window`. Without a window Keras does not scale, nor does this.
  ///
  /// @param periodic whether the window is one period of T samples, or symmetric
  record Stft(Side side, Window window, Scaling scaling, boolean periodic) implements Matrix {

    /// Which part of the transform.
    public enum Side { REAL, IMAG }

    /// By what the samples of a frame are weighted.
    public enum Window {
      NONE(1, 0, 0), BOXCAR(1, 0, 0), HANN(0.5, 0.5, 0), HAMMING(0.54, 0.46, 0), BLACKMAN(0.42, 0.5, 0.08);

      private final double mean;
      private final double first;
      private final double second;

      Window(double mean, double first, double second) {
        this.mean = mean;
        this.first = first;
        this.second = second;
      }

      /// The weight of sample `t` of `samples`.
      double at(long t, long samples, boolean periodic) {
        if (samples == 1) {
          return 1;
        }
        double angle = 2 * Math.PI * t / (periodic ? samples : samples - 1);
        return mean - first * StrictMath.cos(angle) + second * StrictMath.cos(2 * angle);
      }
    }

    /// Over what the window is divided: nothing, the root of the sum of its squares, or its sum.
    public enum Scaling { NONE, DENSITY, SPECTRUM }

    private LongToDoubleFunction values(Shape whole, double scale) {
      long samples = whole.extent(0);
      long frequencies = whole.extent(2);
      long period = 2 * (frequencies - 1);
      return index -> {
        long t = index / frequencies;
        // A whole number of periods changes nothing, and taken off exactly it costs no precision.
        double angle = -2 * Math.PI * (t * (index % frequencies) % period) / period;
        return (side == Side.REAL ? StrictMath.cos(angle) : StrictMath.sin(angle)) * window.at(t, samples, periodic) / scale;
      };
    }

    private double scale(long samples) {
      if (window == Window.NONE || scaling == Scaling.NONE) {
        return 1;
      }
      double sum = 0;
      for (long t = 0; t < samples; t++) {
        double weight = window.at(t, samples, periodic);
        sum += scaling == Scaling.DENSITY ? weight * weight : Math.abs(weight);
      }
      return scaling == Scaling.DENSITY ? Math.sqrt(sum) : sum;
    }

    /// For kernels of one shape, whose window is summed at the first of many fills.
    private static final class Resolved implements Initializer {
      private final Stft stft;
      private final Shape whole;
      private double scale = Double.NaN;

      Resolved(Stft stft, Shape whole) {
        this.stft = stft;
        this.whole = whole;
      }

      @Override
      public void fill(Tensor tensor, RandomStream stream) {
        Shape filled = tensor.slice().whole();
        if (filled.equals(whole)) {
          write(tensor, stft.values(whole, scale()));
        } else {
          stft.fill(tensor, stream);
        }
      }

      private synchronized double scale() {
        if (Double.isNaN(scale)) {
          scale = stft.scale(whole.extent(0));
        }
        return scale;
      }

      @Override
      public Initializer resolve(Shape whole) {
        return whole.equals(this.whole) ? this : stft.resolve(whole);
      }

      @Override
      public boolean equals(@Nullable Object other) {
        return other instanceof Resolved resolved && stft.equals(resolved.stft) && whole.equals(resolved.whole);
      }

      @Override
      public int hashCode() {
        return 31 * stft.hashCode() + whole.hashCode();
      }

      @Override
      public String toString() {
        return stft.toString();
      }
    }

    @Override
    public String toString() {
      return ("stft(" + side + ", " + window + ", " + scaling + ", " + periodic + ")").toLowerCase(Locale.ROOT);
    }
  }

  /// Checks that there are values for this shape, and tells them more quickly where they share a sum.
  @Override
  default Initializer resolve(Shape whole) {
    int rank = whole.rank();
    switch (this) {
      case Identity _ -> require(rank == 2, this + " is for matrices, and " + whole + " has rank " + rank);
      case Dirac(long groups, Fans.Layout layout) -> {
        requireKernel(whole);
        long out = Weight.of(this, whole, layout).out();
        require(out % groups == 0, this + ": the " + out + " outputs of " + whole + " do not divide into " + groups + " groups");
      }
      case ZerO(Fans.Layout layout) -> Weight.of(this, whole, layout);
      case Bilinear(Fans.Layout layout) -> {
        requireKernel(whole);
        Weight.of(this, whole, layout);
      }
      case LstmBias _ -> require(rank == 1 && whole.extent(0) % 4 == 0,
          this + " is for vectors of four gates, and " + whole + " is none that divides by 4");
      case MambaALog _ -> require(rank >= 1, this + " needs an axis to count along, and a scalar has none");
      case MambaDt _ -> { }
      case Stft stft -> {
        require(rank == 3 && whole.extent(1) == 1 && whole.extent(2) >= 2,
            this + " is for kernels [samples, 1, frequencies] with 2 frequencies or more, not for " + whole);
        return new Stft.Resolved(stft, whole);
      }
    }
    return this;
  }

  @Override
  default void check(DType dtype) {
    switch (this) {
      case Identity(double gain) -> dtype.requireHeld(this, "gain", gain);
      case LstmBias(double forget) -> dtype.requireHeld(this, "forget", forget);
      case MambaDt(double min, double max) -> {
        dtype.requireHeld(this, "the value for min", MambaDt.inverseSoftplus(min));
        dtype.requireHeld(this, "the value for max", MambaDt.inverseSoftplus(max));
      }
      case Dirac _, ZerO _, Bilinear _, MambaALog _, Stft _ -> { } // of small values only
    }
  }

  private void requireKernel(Shape whole) {
    int rank = whole.rank();
    require(rank >= 3 && rank <= 5, this + " is for convolutions, of rank 3 to 5, and " + whole + " has rank " + rank);
  }

  @Override
  default void fill(Tensor tensor, RandomStream stream) {
    Shape whole = tensor.slice().whole();
    resolve(whole);
    check(tensor.dtype());
    switch (this) {
      case Identity(double gain) -> Weight.of(this, whole, Fans.Layout.OIHW).fillDiagonal(tensor, stream, 1, gain);
      case Dirac(long groups, Fans.Layout layout) -> Weight.of(this, whole, layout).fillDiagonal(tensor, stream, groups, 1);
      case ZerO(Fans.Layout layout) -> {
        Weight weight = Weight.of(this, whole, layout);
        if (weight.out() <= weight.in()) {
          weight.fillDiagonal(tensor, stream, 1, 1);
        } else {
          write(tensor, hadamard(weight));
        }
      }
      case Bilinear(Fans.Layout layout) -> write(tensor, bilinear(whole, layout));
      case LstmBias(double forget) -> {
        long hidden = whole.extent(0) / 4;
        write(tensor, index -> hidden > 0 && index / hidden == 1 ? forget : 0);
      }
      case MambaALog _ -> {
        long last = whole.extent(whole.rank() - 1);
        write(tensor, index -> StrictMath.log((double) (index % last + 1)));
      }
      case MambaDt(double min, double max) -> {
        double low = StrictMath.log(min);
        double range = StrictMath.log(max) - low;
        int[] words = new int[4];
        write(tensor, index -> {
          Philox.block(stream.key(), index >>> 2, words);
          double unit = (Integer.toUnsignedLong(words[(int) index & 3]) + 0.5) * 0x1p-32;
          return MambaDt.inverseSoftplus(StrictMath.exp(low + range * unit));
        });
      }
      case Stft stft -> write(tensor, stft.values(whole, stft.scale(whole.extent(0))));
    }
  }

  private static LongToDoubleFunction hadamard(Weight weight) {
    int order = Long.SIZE - Long.numberOfLeadingZeros(weight.out() - 1);
    double scale = Math.sqrt(Math.scalb(1., 1 - order));
    return index -> {
      if (weight.positionOf(index) != weight.centre()) {
        return 0;
      }
      boolean even = (Long.bitCount(weight.outputOf(index) & weight.inputOf(index)) & 1) == 0;
      return even ? scale : -scale;
    };
  }

  private LongToDoubleFunction bilinear(Shape whole, Fans.Layout layout) {
    Weight weight = Weight.of(this, whole, layout);
    int first = weight.outFirst() ? 2 : 0;
    int axes = whole.rank() - 2;
    return index -> {
      long position = weight.positionOf(index);
      double value = 1;
      for (int axis = first + axes - 1; axis >= first; axis--) {
        long extent = whole.extent(axis);
        long factor = extent / 2 + extent % 2;
        double centre = (2 * factor - 1 - factor % 2) / (2. * factor);
        value *= 1 - Math.abs((double) (position % extent) / factor - centre);
        position /= extent;
      }
      return value;
    };
  }

  private static void write(Tensor tensor, LongToDoubleFunction values) {
    try (HostWriter out = new HostWriter(tensor, 0)) {
      tensor.slice().forEachRun(run -> {
        for (long i = 0; i < run.count(); i++) {
          out.put(values.applyAsDouble(run.start() + i));
        }
      });
    }
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
