package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.DType;
import io.github.tensorseed.Nonlinearity;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;

/// The kernels of functions of two straight lines have the bits that [Nonlinearity], in binary64 and rounded once, has: at zeros of both
/// signs, infinities, subnormal numbers and NaN as well. Nothing but the elements is written, wherever they begin and end.
class PiecewiseTest {
  private static final int GUARD = 32;
  private static final double[] SPECIAL = {0.0, -0.0, Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, Float.MIN_VALUE,
      -Float.MIN_VALUE, Double.MIN_VALUE, -Double.MIN_VALUE, Float.MAX_VALUE, -Float.MAX_VALUE, 1, -1};

  private final PtxBench bench = new PtxBench("eager");
  private final Map<String, Long> modules =
      Ptx.TARGETS.stream().collect(Collectors.toMap(target -> target, target -> bench.module(Ptx.shipped(target).text())));
  private final SplittableRandom random = new SplittableRandom(5);

  @Test
  void haveTheBitsOfTheDefinition() {
    for (Nonlinearity f : List.of(Nonlinearity.LINEAR, Nonlinearity.RELU, Nonlinearity.LEAKY_RELU)) {
      for (DType dtype : List.of(DType.F32, DType.F64)) {
        for (int count : new int[] {0, 3, 31}) {
          for (int shift : new int[] {0, 3, 8}) {
            DoubleStream all = DoubleStream.concat(Arrays.stream(SPECIAL), random.doubles(count, -2, 2));
            double[] x = all.limit(count).map(v -> held(dtype, v)).toArray();
            double[] y = random.doubles(count, -2, 2).map(v -> held(dtype, v)).toArray();
            double[] gradient = new double[count];
            for (int i = 0; i < count; i++) {
              gradient[i] = y[i] * f.derivative(x[i]);
            }
            compare("activate", f, dtype, x, y, Arrays.stream(x).map(f::apply).toArray(), shift, 0);
            compare("backward", f, dtype, x, y, gradient, 0, shift);
            compare("backward", f, dtype, x, y, gradient, shift, 0);
          }
        }
      }
    }
  }

  private static double held(DType dtype, double value) {
    return dtype == DType.F32 ? (float) value : value;
  }

  private static long[] bytes(DType dtype, double[] values, int shift, int length) {
    long[] bytes = new long[length];
    Arrays.fill(bytes, 0x5a);
    for (int i = 0; i < values.length * dtype.bytes(); i++) {
      double value = values[i / dtype.bytes()];
      long code = dtype == DType.F64 ? Double.doubleToLongBits(value) : Float.floatToIntBits((float) value);
      bytes[shift + i] = code >>> (8 * (i % dtype.bytes())) & 0xff;
    }
    return bytes;
  }

  private void compare(String kernel, Nonlinearity f, DType dtype, double[] x, double[] y, double[] expected, int inShift, int outShift) {
    int length = x.length * dtype.bytes() + 2 * GUARD;
    long in = bench.upload(bytes(dtype, x, inShift, length), 1);
    for (String target : modules.keySet()) {
      long out = bench.upload(bytes(dtype, y, GUARD / 2 + outShift, length), 1);
      long function = bench.function(modules.getOrDefault(target, 0L), (kernel + "_" + dtype).toLowerCase(Locale.ROOT));
      long slope = Double.doubleToRawLongBits(f.derivative(-1));
      assertThat(bench.launch(function, 0L, 2, 256, out + GUARD / 2 + outShift, in + inShift, x.length, slope)).isZero();
      bench.check("cuCtxSynchronize");
      assertThat(bench.download(out, length, 1)).as("%s of %d %s from %d to %d, %s", kernel, x.length, dtype, inShift, outShift, target)
          .isEqualTo(bytes(dtype, expected, GUARD / 2 + outShift, length));
      bench.check("cuMemFree_v2", out);
    }
    bench.check("cuMemFree_v2", in);
  }
}
