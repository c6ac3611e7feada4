package io.github.tensorseed.cpu;

import static jcuda.jcurand.curandOrdering.CURAND_ORDERING_PSEUDO_LEGACY;
import static jcuda.jcurand.curandRngType.CURAND_RNG_PSEUDO_PHILOX4_32_10;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcuda.Pointer;
import jcuda.jcurand.JCurand;
import jcuda.jcurand.curandGenerator;
import jcuda.jcurand.curandStatus;

/// NVIDIA's own Philox generator on the host: what one seed means, by the library that first said so. Each call begins at `offset`.
///
/// Two quirks of it, seen in version 10.3.0: with an offset that is a positive multiple of 4 its last `count % 4` words are wrong. And as
/// each of 65536 subsequences draws four doubles at a time, from the word on to which the offset has moved it, doubles follow those before
/// the offset only inside a round of 2^18 doubles, which begins at a multiple of 2^19 words.
final class HostGenerator {
  private final long seed;
  private final long offset;

  /// @param offset in words
  HostGenerator(long seed, long offset) {
    this.seed = seed;
    this.offset = offset;
  }

  /// Loads the library from the folder into which the build has unpacked it; JCuda's own load finds it by its name then.
  @SuppressWarnings("restricted")
  static void load() {
    System.load(System.getProperty("curand.directory") + "/org/bytedeco/cuda/linux-x86_64/libcurand.so.10");
  }

  /// As in `10300` for 10.3.0.
  static int version() {
    int[] version = new int[1];
    check("curandGetVersion", JCurand.curandGetVersion(version));
    return version[0];
  }

  int[] words(int count) {
    return generate(4L * count, (generator, out) -> JCurand.curandGenerate(generator, out, count)).toArray(ValueLayout.JAVA_INT);
  }

  float[] uniforms(int count) {
    return generate(4L * count, (generator, out) -> JCurand.curandGenerateUniform(generator, out, count)).toArray(ValueLayout.JAVA_FLOAT);
  }

  float[] normals(int count) {
    return generate(4L * count, (generator, out) -> JCurand.curandGenerateNormal(generator, out, count, 0, 1))
        .toArray(ValueLayout.JAVA_FLOAT);
  }

  double[] doubleUniforms(int count) {
    return generate(8L * count, (generator, out) -> JCurand.curandGenerateUniformDouble(generator, out, count))
        .toArray(ValueLayout.JAVA_DOUBLE);
  }

  double[] doubleNormals(int count) {
    return generate(8L * count, (generator, out) -> JCurand.curandGenerateNormalDouble(generator, out, count, 0, 1))
        .toArray(ValueLayout.JAVA_DOUBLE);
  }

  private interface Call {
    int generate(curandGenerator generator, Pointer out);
  }

  private MemorySegment generate(long bytes, Call call) {
    curandGenerator generator = new curandGenerator();
    check("curandCreateGeneratorHost", JCurand.curandCreateGeneratorHost(generator, CURAND_RNG_PSEUDO_PHILOX4_32_10));
    try {
      check("curandSetGeneratorOrdering", JCurand.curandSetGeneratorOrdering(generator, CURAND_ORDERING_PSEUDO_LEGACY));
      check("curandSetPseudoRandomGeneratorSeed", JCurand.curandSetPseudoRandomGeneratorSeed(generator, seed));
      check("curandSetGeneratorOffset", JCurand.curandSetGeneratorOffset(generator, offset));
      MemorySegment out = Arena.ofAuto().allocate(bytes);
      check("curandGenerate", call.generate(generator, new Pointer().withByteOffset(out.address())));
      return out;
    } finally {
      check("curandDestroyGenerator", JCurand.curandDestroyGenerator(generator));
    }
  }

  private static void check(String call, int status) {
    if (status != curandStatus.CURAND_STATUS_SUCCESS) {
      throw new IllegalStateException(call + ": " + curandStatus.stringFor(status));
    }
  }
}
