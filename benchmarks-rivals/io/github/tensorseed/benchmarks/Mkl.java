package io.github.tensorseed.benchmarks;

import static org.bytedeco.mkl.global.mkl_rt.VSL_BRNG_ARS5;
import static org.bytedeco.mkl.global.mkl_rt.VSL_BRNG_PHILOX4X32X10;
import static org.bytedeco.mkl.global.mkl_rt.VSL_BRNG_SFMT19937;
import static org.bytedeco.mkl.global.mkl_rt.VSL_RNG_METHOD_GAUSSIAN_BOXMULLER2;
import static org.bytedeco.mkl.global.mkl_rt.VSL_RNG_METHOD_GAUSSIAN_ICDF;
import static org.bytedeco.mkl.global.mkl_rt.VSL_RNG_METHOD_UNIFORM_STD;
import static org.bytedeco.mkl.global.mkl_rt.vdRngGaussian;
import static org.bytedeco.mkl.global.mkl_rt.vdRngUniform;
import static org.bytedeco.mkl.global.mkl_rt.vslDeleteStream;
import static org.bytedeco.mkl.global.mkl_rt.vslNewStream;
import static org.bytedeco.mkl.global.mkl_rt.vsRngGaussian;
import static org.bytedeco.mkl.global.mkl_rt.vsRngUniform;

import io.github.tensorseed.DType;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.mkl.global.mkl_rt.VSLStreamStatePtr;

/// Intel oneMKL's vector statistics, in place. Its generators run on one thread; with more, each has a stream and a part of the memory.
public final class Mkl implements Rival {
  private final List<VSLStreamStatePtr> streams = new ArrayList<>();
  private final List<Pointer> parts = new ArrayList<>();
  private Law law = Law.UNIFORM;
  private DType dtype = DType.F32;
  private int method;
  private int part;

  @Override
  public String name() {
    return "Intel MKL";
  }

  @Override
  public String jar() {
    return "mkl-";
  }

  @Override
  public List<String> settings(Law law, DType dtype) {
    return dtype != DType.F32 && dtype != DType.F64 ? List.of() : switch (law) {
      case UNIFORM -> List.of("Philox", "SFMT", "ARS-5");
      case NORMAL -> List.of("Philox, ICDF", "Philox, Box-Muller 2", "SFMT, ICDF", "ARS-5, ICDF");
      case TRUNCATED_NORMAL -> List.of();
    };
  }

  @Override
  public void open(String setting, Law law, DType dtype, int elements, int threads) {
    this.law = law;
    this.dtype = dtype;
    int generator = switch (setting.split(",", 2)[0]) {
      case "Philox" -> VSL_BRNG_PHILOX4X32X10;
      case "SFMT" -> VSL_BRNG_SFMT19937;
      case "ARS-5" -> VSL_BRNG_ARS5;
      default -> throw new IllegalArgumentException(setting);
    };
    method = law == Law.UNIFORM ? VSL_RNG_METHOD_UNIFORM_STD
        : setting.endsWith("ICDF") ? VSL_RNG_METHOD_GAUSSIAN_ICDF : VSL_RNG_METHOD_GAUSSIAN_BOXMULLER2;
    part = elements / threads;
    // On cache lines, as the library advises.
    Pointer all = dtype == DType.F32 ? new FloatPointer(elements + 16L) : new DoublePointer(elements + 16L);
    long aligned = (-all.address() & 63) / dtype.bytes();
    for (int i = 0; i < threads; i++) {
      VSLStreamStatePtr stream = new VSLStreamStatePtr();
      require(vslNewStream(stream, generator, 1 + i));
      streams.add(stream);
      parts.add(all.getPointer(aligned + (long) i * part));
    }
  }

  @Override
  public void fill() {
    Rival.each(streams.size(), i -> require(switch (parts.get(i)) {
      case FloatPointer floats when law == Law.UNIFORM -> vsRngUniform(method, streams.get(i), part, floats, -0.05f, 0.05f);
      case FloatPointer floats -> vsRngGaussian(method, streams.get(i), part, floats, 0, 0.02f);
      case DoublePointer doubles when law == Law.UNIFORM -> vdRngUniform(method, streams.get(i), part, doubles, -0.05, 0.05);
      case DoublePointer doubles -> vdRngGaussian(method, streams.get(i), part, doubles, 0, 0.02);
      default -> throw new IllegalStateException(dtype.name());
    }));
  }

  private static void require(int status) {
    if (status != 0) {
      throw new IllegalStateException("MKL's status is " + status);
    }
  }

  @Override
  public double[] values(int from, int count) {
    double[] values = new double[count];
    for (int i = 0; i < count; i++) {
      int index = (from + i) % part;
      values[i] = switch (parts.get((from + i) / part)) {
        case FloatPointer floats -> floats.get(index);
        case DoublePointer doubles -> doubles.get(index);
        default -> throw new IllegalStateException(dtype.name());
      };
    }
    return values;
  }

  @Override
  public void close() {
    streams.forEach(stream -> require(vslDeleteStream(stream)));
  }
}
