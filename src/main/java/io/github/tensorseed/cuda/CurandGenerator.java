package io.github.tensorseed.cuda;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Distribution.Constant;
import io.github.tensorseed.Distribution.LogNormal;
import io.github.tensorseed.Distribution.Normal;
import io.github.tensorseed.Distribution.Signs;
import io.github.tensorseed.Distribution.TruncatedNormal;
import io.github.tensorseed.Distribution.Uniform;
import io.github.tensorseed.Generator;
import io.github.tensorseed.Slice;
import jcuda.driver.CUdeviceptr;
import jcuda.jcurand.JCurand;
import jcuda.jcurand.curandGenerator;
import jcuda.jcurand.curandOrdering;
import jcuda.jcurand.curandRngType;
import jcuda.runtime.cudaStream_t;
import org.jspecify.annotations.Nullable;

/// A generator of cuRAND's host API on a context's stream.
///
/// It is only ever asked for what it does without exceptions: whole groups of four values, from the first one of a group on, to an aligned
/// address. Normals of odd length it refuses, and after an offset the last values of an incomplete group come out wrong. What can goes
/// straight into a tensor; all else is made in a scratch, from which a kernel takes it.
final class CurandGenerator {
  /// Bytes of the scratch: enough that a launch is nothing beside what it makes, and no more than a GPU keeps in its second-level cache.
  static final long SCRATCH = 16 << 20;

  private static final long GROUP = 4;
  private static final long ALIGNMENT = 16;
  /// Doubles that Philox makes, four for each of its 65536 subsequences, before it comes to the first again: twice as many words further.
  private static final long ROUND = 1L << 18;

  private final Context context;
  private final Generator generator;
  private final long capacity;
  /// Values that one call is asked for, 2^28: what it does with more than 2^31 is not to be relied on.
  private final long most;
  private final curandGenerator handle = new curandGenerator();
  /// Made when it is first needed; the context frees it.
  private Context.@Nullable Allocation scratch;

  /// @param capacity bytes of the scratch, a multiple of 64 KB
  CurandGenerator(Context context, Generator generator, long capacity) {
    this.context = context;
    this.generator = generator;
    this.capacity = capacity;
    most = 16 * capacity;
    Library.CURAND.require();
    int type = generator == Generator.CURAND ? curandRngType.CURAND_RNG_PSEUDO_PHILOX4_32_10 : curandRngType.CURAND_RNG_PSEUDO_XORWOW;
    try (Context.Entered _ = context.enter()) {
      context.made(JCurand.curandCreateGenerator(handle, type), "curandCreateGenerator",
          "curandDestroyGenerator", () -> JCurand.curandDestroyGenerator(handle));
      context.check(JCurand.curandSetStream(handle, new cudaStream_t(context.stream())), "curandSetStream");
      context.check(JCurand.curandSetGeneratorOrdering(handle, curandOrdering.CURAND_ORDERING_PSEUDO_LEGACY), "curandSetGeneratorOrdering");
    }
  }

  Generator generator() {
    return generator;
  }

  /// Whether values of this law are made here. Those of the others are our kernels', which have the words of cuRAND's Philox.
  ///
  /// @throws IllegalArgumentException if they would have to be XORWOW's
  boolean makes(Distribution law) {
    return switch (law) {
      case Uniform _, Normal _, LogNormal _ -> true;
      case Constant _ -> false;
      case Signs _, TruncatedNormal _ -> {
        if (generator == Generator.CURAND_XORWOW) {
          throw new IllegalArgumentException(law + ": cuRAND has no such law for " + generator + "; take the generator " + Generator.CURAND
              + " or " + Generator.TENSORSEED);
        }
        yield false;
      }
    };
  }

  /// Puts on the stream what fills a slice at an address.
  ///
  /// @throws IllegalArgumentException for a slice of XORWOW
  synchronized void fill(Distribution law, DType dtype, Slice slice, long address, long key) {
    if (generator == Generator.CURAND_XORWOW && !slice.shape().equals(slice.whole())) {
      throw new IllegalArgumentException("slice " + slice + ": " + generator + " makes whole tensors only, as it cannot begin inside one;"
          + " fill the whole, or take the generator " + Generator.CURAND + " or " + Generator.TENSORSEED);
    }
    try (Context.Entered _ = context.enter()) {
      context.check(JCurand.curandSetPseudoRandomGeneratorSeed(handle, key), "curandSetPseudoRandomGeneratorSeed");
      Rows.forEach(slice, rows -> fill(law, dtype, rows, address + rows.position() * dtype.bytes()));
    }
  }

  private void fill(Distribution law, DType dtype, Rows rows, long address) {
    DType made = dtype == DType.F64 ? DType.F64 : DType.F32;
    long room = capacity / made.bytes();
    long count;
    for (long place = 0; place < rows.count(); place += count) {
      long inRow = place % rows.run();
      long element = rows.start() + place / rows.run() * rows.stride() + inRow;
      long out = address + place * dtype.bytes();
      long left = rows.count() - place;
      long inGroup = element % GROUP;
      count = Math.min(rows.run() - inRow, left);
      long together = inRow == 0 && rows.run() <= room - inGroup ? (room - inGroup - rows.run()) / rows.stride() + 1 : 1;
      boolean straight = dtype == made && (out - inGroup * made.bytes()) % ALIGNMENT == 0;
      if (count < left && together > 1) {
        count = Math.min(together * rows.run(), left);
        viaScratch(law, dtype, made, new Rows(place, count, element, rows.run(), rows.stride()), out);
      } else if (straight && inGroup == 0 && count >= GROUP) {
        count -= count % GROUP;
        generate(law, made, element, count, out);
        if (law instanceof Uniform uniform) {
          scale(uniform, made, new Rows(place, count, 0, count, count), out, out);
        }
      } else {
        // To the group from which on it can go straight, or as far as there is room.
        count = Math.min(count, straight && inGroup > 0 ? GROUP - inGroup : room - inGroup);
        viaScratch(law, dtype, made, new Rows(place, count, element, count, count), out);
      }
    }
  }

  /// Makes all from the first element of `rows` to the last, and takes those that are wanted.
  private void viaScratch(Distribution law, DType dtype, DType made, Rows rows, long address) {
    if (scratch == null) {
      scratch = context.allocate(capacity);
    }
    long in = scratch.memory().address();
    long inGroup = rows.start() % GROUP;
    long last = rows.count() - 1;
    long span = inGroup + last / rows.run() * rows.stride() + last % rows.run() + 1;
    generate(law, made, rows.start() - inGroup, Math.ceilDiv(span, GROUP) * GROUP, in);
    scale(law, dtype, new Rows(rows.position(), rows.count(), inGroup, rows.run(), rows.stride()), address, in);
  }

  /// Normals come scaled from cuRAND: that saves a pass over the tensor, and their bits are its own in any case. So they are multiplied by 1
  /// and -0 is added, which leaves every value as it is.
  private void scale(Distribution law, DType dtype, Rows rows, long address, long in) {
    if (law instanceof Uniform(double low, double high)) {
      context.affine(dtype, rows, address, in, high - low, low, high);
    } else {
      context.affine(dtype, rows, address, in, 1, -0.0, Double.POSITIVE_INFINITY);
    }
  }

  /// Has cuRAND make whole groups. Uniforms are not scaled.
  private void generate(Distribution law, DType made, long element, long count, long address) {
    boolean rounds = made == DType.F64 && generator == Generator.CURAND;
    long step;
    for (long done = 0; done < count; done += step) {
      long at = element + done;
      step = Math.min(count - done, most);
      if (rounds && at % ROUND != 0) {
        step = Math.min(step, ROUND - at % ROUND); // it would go on in the middle of the next round
      }
      // XORWOW's tensors are made from their beginning on, and it goes on by itself where it was.
      if (generator == Generator.CURAND || at == 0) {
        long words = rounds ? at / ROUND * (2 * ROUND) + at % ROUND : at;
        context.check(JCurand.curandSetGeneratorOffset(handle, words), "curandSetGeneratorOffset");
      }
      String call = generate(law, made, Context.devicePointer(address + done * made.bytes()), step);
      context.launched(call, step, at);
    }
  }

  /// @return the name of the call
  private String generate(Distribution law, DType made, CUdeviceptr out, long count) {
    boolean wide = made == DType.F64;
    String call = switch (law) {
      case Uniform _ -> "curandGenerateUniform";
      case Normal _ -> "curandGenerateNormal";
      case LogNormal _ -> "curandGenerateLogNormal";
      default -> throw new IllegalStateException(law + " is not cuRAND's");
    } + (wide ? "Double" : "");
    context.check(switch (law) {
      case Normal(double mean, double std) -> wide
          ? JCurand.curandGenerateNormalDouble(handle, out, count, mean, std)
          : JCurand.curandGenerateNormal(handle, out, count, (float) mean, (float) std);
      case LogNormal(double mean, double std) -> wide
          ? JCurand.curandGenerateLogNormalDouble(handle, out, count, mean, std)
          : JCurand.curandGenerateLogNormal(handle, out, count, (float) mean, (float) std);
      default -> wide ? JCurand.curandGenerateUniformDouble(handle, out, count) : JCurand.curandGenerateUniform(handle, out, count);
    }, call);
    return call;
  }
}
