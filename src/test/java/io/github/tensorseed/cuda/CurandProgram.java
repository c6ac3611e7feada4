package io.github.tensorseed.cuda;

import static jcuda.jcurand.JCurand.curandCreateGenerator;
import static jcuda.jcurand.JCurand.curandCreateGeneratorHost;
import static jcuda.jcurand.JCurand.curandDestroyGenerator;
import static jcuda.jcurand.JCurand.curandGenerate;
import static jcuda.jcurand.JCurand.curandGenerateLogNormal;
import static jcuda.jcurand.JCurand.curandGenerateLogNormalDouble;
import static jcuda.jcurand.JCurand.curandGenerateLongLong;
import static jcuda.jcurand.JCurand.curandGenerateNormal;
import static jcuda.jcurand.JCurand.curandGenerateNormalDouble;
import static jcuda.jcurand.JCurand.curandGeneratePoisson;
import static jcuda.jcurand.JCurand.curandGenerateUniform;
import static jcuda.jcurand.JCurand.curandGenerateUniformDouble;
import static jcuda.jcurand.JCurand.curandGetProperty;
import static jcuda.jcurand.JCurand.curandGetVersion;
import static jcuda.jcurand.JCurand.curandSetGeneratorOffset;
import static jcuda.jcurand.JCurand.curandSetGeneratorOrdering;
import static jcuda.jcurand.JCurand.curandSetPseudoRandomGeneratorSeed;
import static jcuda.jcurand.JCurand.curandSetStream;
import static jcuda.jcurand.curandOrdering.CURAND_ORDERING_PSEUDO_LEGACY;
import static jcuda.jcurand.curandRngType.CURAND_RNG_PSEUDO_PHILOX4_32_10;
import static jcuda.jcurand.curandRngType.CURAND_RNG_PSEUDO_XORWOW;
import static jcuda.jcurand.curandRngType.CURAND_RNG_QUASI_SOBOL32;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.tensorseed.cpu.GoldenValuesTest;
import io.github.tensorseed.cpu.GoldenValuesTest.Golden;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.LongStream;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;
import jcuda.jcurand.curandGenerator;
import jcuda.runtime.cudaStream_t;

/// What JCurand gets from the stand-in for cuRAND, as a program on the emulated driver whose argument is the driver's mode.
final class CurandProgram {
  private static final int NOT_INITIALIZED = 101;
  private static final int TYPE_ERROR = 103;
  private static final int OUT_OF_RANGE = 104;
  private static final int LENGTH_NOT_MULTIPLE = 105;
  private static final int LAUNCH_FAILURE = 201;
  private static final int PREEXISTING_FAILURE = 202;
  private static final int INITIALIZATION_FAILED = 203;
  private static final int INTERNAL_ERROR = 999;

  private final String mode;

  private CurandProgram(String mode) {
    this.mode = mode;
  }

  public static void main(String... arguments) throws IOException {
    CurandProgram program = new CurandProgram(arguments[0]);
    program.goldenValues();
    program.xorwow();
    program.callsGoOn();
    program.doublesAfterAnOffset();
    program.otherOrderingsAreOthers();
    program.onTheHost();
    program.faultsOfTheCaller();
    program.memory();
    program.streams();
    program.injected();
  }

  /// The values that NVIDIA's host generator gave; doubles from the first on, as STREAM.md has them, and not after an offset.
  private void goldenValues() throws IOException {
    EmulatedGpu gpu = new EmulatedGpu(mode);
    for (Golden golden : GoldenValuesTest.lines().toList()) {
      List<Long> bits = golden.bits();
      int count = bits.size();
      int before = golden.kind().endsWith("64") ? Math.toIntExact(golden.start()) : 0;
      curandGenerator generator = generator(gpu, CURAND_RNG_PSEUDO_PHILOX4_32_10, golden.seed(), golden.start() - before);
      CUdeviceptr out = gpu.allocate(8L * (before + count));
      switch (golden.kind()) {
        case "word" -> {
          check(curandGenerate(generator, out, count));
          assertThat(longs(gpu.ints(out, count))).as(golden.toString()).isEqualTo(bits);
        }
        case "uniform" -> {
          check(curandGenerateUniform(generator, out, count));
          assertThat(longs(gpu.ints(out, count))).as(golden.toString()).isEqualTo(bits);
        }
        case "uniform64" -> {
          check(curandGenerateUniformDouble(generator, out, before + count));
          double[] values = gpu.doubles(out.withByteOffset(8L * before), count);
          assertThat(values).as(golden.toString()).isEqualTo(bits.stream().mapToDouble(Double::longBitsToDouble).toArray());
        }
        case "normal" -> {
          check(curandGenerateNormal(generator, out, count, 0, 1));
          float[] values = gpu.floats(out, count);
          for (int i = 0; i < count; i++) {
            float theirs = Float.intBitsToFloat(bits.get(i).intValue());
            assertThat(values[i]).as(golden.toString()).isCloseTo(theirs, within(Math.max(1e-6f, 8 * Math.ulp(theirs))));
          }
        }
        default -> {
          check(curandGenerateNormalDouble(generator, out, before + count, 0, 1));
          double[] values = gpu.doubles(out.withByteOffset(8L * before), count);
          for (int i = 0; i < count; i++) {
            double theirs = Double.longBitsToDouble(bits.get(i));
            assertThat(values[i]).as(golden.toString()).isCloseTo(theirs, within(Math.max(4e-15, 4 * Math.ulp(theirs))));
          }
        }
      }
      check(curandDestroyGenerator(generator));
      gpu.free(out);
    }
    gpu.close();
    assertThat(EmulatedGpu.DRIVER.report()).contains("\"leaks\": []", "\"never_waited\": []", "\"destroyed_with_context\": []")
        .doesNotContain("curand generators");
  }

  /// Expected are values of curandCreateGeneratorHost of libcurand 10.3.0 in legacy ordering, for the same calls.
  private void xorwow() {
    EmulatedGpu gpu = new EmulatedGpu(mode);
    long seed = 0xfedcba9876543210L;
    CUdeviceptr out = gpu.allocate(64);
    curandGenerator generator = generator(gpu, CURAND_RNG_PSEUDO_XORWOW, seed, 0);
    check(curandGenerate(generator, out, 4));
    assertThat(gpu.ints(out, 4)).containsExactly(0xecf7189a, 0x6643d0fb, 0x6d8a7978, 0x39f331ef);
    check(curandSetGeneratorOffset(generator, (1L << 40) + 4095));
    check(curandGenerate(generator, out, 4));
    assertThat(gpu.ints(out, 4)).containsExactly(0x5f5f0e36, 0x74e6977b, 0x53ea2ab3, 0x03370bd7);
    check(curandSetGeneratorOffset(generator, 5));
    check(curandGenerateUniformDouble(generator, out, 2));
    assertThat(gpu.doubles(out, 2)).containsExactly(0x1.4742666221a49p-2, 0x1.5648ec085e816p-1);
    check(curandGenerateNormal(generator, out, 4, 0, 1));
    assertThat(gpu.floats(out, 4)).containsExactly(
        new float[] {-0x1.462cf2p-2f, 0x1.01a3c2p-1f, 0x1.1530d6p-1f, -0x1.6d369ap-1f}, within(1e-6f));
    check(curandGenerateNormalDouble(generator, out, 4, 1, 2));
    assertThat(gpu.doubles(out, 4)).containsExactly(
        new double[] {0x1.566311198a018p+0, 0x1.38eff98b9be8ep+1, 0x1.625759e51e225p+2, 0x1.49b211c85740ep+0}, within(4e-15));
    check(curandGenerateLogNormal(generator, out, 2, 0, 1));
    assertThat(gpu.floats(out, 2)).containsExactly(new float[] {0x1.8434cap-1f, 0x1.6961fcp+2f}, within(4e-6f));
    check(curandGenerate(generator, out, 2));
    assertThat(gpu.ints(out, 2)).containsExactly(0x731173d7, 0x1bf4cb33);
    check(curandDestroyGenerator(generator));
  }

  private void callsGoOn() {
    EmulatedGpu gpu = new EmulatedGpu(mode);
    for (int type : new int[] {CURAND_RNG_PSEUDO_PHILOX4_32_10, CURAND_RNG_PSEUDO_XORWOW}) {
      CUdeviceptr whole = gpu.allocate(4 * 5000);
      curandGenerator generator = generator(gpu, type, 7, 3);
      check(curandGenerateUniform(generator, whole, 5000));
      CUdeviceptr parts = gpu.allocate(4 * 5000);
      generator = generator(gpu, type, 7, 3);
      check(curandGenerateUniform(generator, parts, 4));
      check(curandGenerateUniform(generator, parts.withByteOffset(16), 0));
      check(curandGenerateUniform(generator, parts.withByteOffset(16), 4124));
      check(curandGenerateUniform(generator, parts.withByteOffset(16 + 4 * 4124), 872));
      assertThat(gpu.floats(parts, 5000)).isEqualTo(gpu.floats(whole, 5000));
      check(curandSetGeneratorOffset(generator, 3));
      check(curandGenerateUniform(generator, parts, 4));
      assertThat(gpu.floats(parts, 4)).isEqualTo(gpu.floats(whole, 4));
      check(curandSetPseudoRandomGeneratorSeed(generator, 7));
      check(curandGenerateUniform(generator, parts, 4));
      float[] expected = gpu.floats(whole.withByteOffset(16), 4);
      assertThat(gpu.floats(parts, 4)).as("a new seed goes on where the last one stopped").isEqualTo(expected);
    }
    CUdeviceptr normals = gpu.allocate(4 * 2000);
    check(curandGenerateNormal(generator(gpu, CURAND_RNG_PSEUDO_PHILOX4_32_10, 7, 0), normals, 2000, 0, 1));
    CUdeviceptr others = gpu.allocate(8 * 2000);
    check(curandGenerateNormal(generator(gpu, CURAND_RNG_PSEUDO_PHILOX4_32_10, 7, 5), others, 8, 3, 2));
    float[] unit = gpu.floats(normals.withByteOffset(20), 8);
    float[] scaled = gpu.floats(others, 8);
    for (int i = 0; i < 8; i++) {
      assertThat(scaled[i]).isEqualTo(Math.fma(2, unit[i], 3));
    }
    check(curandGenerateLogNormalDouble(generator(gpu, CURAND_RNG_PSEUDO_PHILOX4_32_10, 7, 0), others, 2000, 1, 0));
    assertThat(gpu.doubles(others, 2000)).containsOnly(Math.E);
  }

  /// After an offset each subsequence goes on from its own place in the sequence of words, so doubles of the subsequences that the offset
  /// has passed are one block ahead: in the middle of a round of 2^18 it is another order than from the beginning on. Expected are values
  /// of curandCreateGeneratorHost of libcurand 10.3.0, for the same calls.
  private void doublesAfterAnOffset() {
    EmulatedGpu gpu = new EmulatedGpu(mode);
    CUdeviceptr out = gpu.allocate(8 * 16);
    check(curandGenerateUniformDouble(generator(gpu, CURAND_RNG_PSEUDO_PHILOX4_32_10, 7, (1 << 18) - 8), out, 16));
    assertThat(gpu.doubles(out.withByteOffset(8 * 6), 6)).containsExactly(0x1.422fcb2c2c5c6p-1, 0x1.90074cefd4a5cp-1, 0x1.972f7ea4e8e9cp-1,
        0x1.ea6bdff3aff6cp-1, 0x1.14fddc388f020p-7, 0x1.b2864da227c6ap-1);
    check(curandGenerateUniformDouble(generator(gpu, CURAND_RNG_PSEUDO_PHILOX4_32_10, 7, (1 << 18) + 4), out, 4));
    assertThat(gpu.doubles(out.withByteOffset(8), 3)).containsExactly(0x1.6350d122aa9c9p-2, 0x1.52cfce9e5a0bap-1, 0x1.76427df71db38p-1);
  }

  private void otherOrderingsAreOthers() {
    EmulatedGpu gpu = new EmulatedGpu(mode);
    for (int type : new int[] {CURAND_RNG_PSEUDO_PHILOX4_32_10, CURAND_RNG_PSEUDO_XORWOW}) {
      CUdeviceptr legacy = gpu.allocate(4000);
      check(curandGenerate(generator(gpu, type, 7, 0), legacy, 1000));
      curandGenerator generator = new curandGenerator();
      check(curandCreateGenerator(generator, type));
      check(curandSetStream(generator, gpu.libraryStream()));
      check(curandSetPseudoRandomGeneratorSeed(generator, 7));
      CUdeviceptr other = gpu.allocate(4000);
      check(curandGenerate(generator, other, 1000));
      assertThat(gpu.ints(other, 1000)).isNotEqualTo(gpu.ints(legacy, 1000));
      assertThat(curandSetGeneratorOrdering(generator, 99)).isEqualTo(OUT_OF_RANGE);
    }
  }

  private void onTheHost() {
    EmulatedGpu gpu = new EmulatedGpu(mode);
    CUdeviceptr out = gpu.allocate(64);
    check(curandGenerateNormal(generator(gpu, CURAND_RNG_PSEUDO_PHILOX4_32_10, 9, 1), out, 8, 0, 1));
    float[] expected = gpu.floats(out, 7);
    EmulatedGpu.DRIVER.reset(mode);
    curandGenerator generator = new curandGenerator();
    check(curandCreateGeneratorHost(generator, CURAND_RNG_PSEUDO_PHILOX4_32_10));
    check(curandSetGeneratorOrdering(generator, CURAND_ORDERING_PSEUDO_LEGACY));
    check(curandSetPseudoRandomGeneratorSeed(generator, 9));
    check(curandSetGeneratorOffset(generator, 1));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(28);
      check(curandGenerateNormal(generator, EmulatedGpu.pointer(host), 7, 0, 1));
      assertThat(host.toArray(ValueLayout.JAVA_FLOAT)).isEqualTo(expected);
    }
    check(curandDestroyGenerator(generator));
    int[] version = new int[1];
    check(curandGetVersion(version));
    assertThat(version[0]).isEqualTo(10300);
    check(curandGetProperty(0, version));
    assertThat(version[0]).isEqualTo(10);
  }

  private void faultsOfTheCaller() {
    EmulatedGpu gpu = new EmulatedGpu(mode);
    CUdeviceptr out = gpu.allocate(64);
    curandGenerator generator = generator(gpu, CURAND_RNG_PSEUDO_PHILOX4_32_10, 1, 0);
    assertThat(curandGenerateNormal(generator, out, 7, 0, 1)).isEqualTo(LENGTH_NOT_MULTIPLE);
    assertThat(curandGenerateLogNormal(generator, out, 7, 0, 1)).isEqualTo(LENGTH_NOT_MULTIPLE);
    assertThat(curandGenerateNormalDouble(generator, out, 7, 0, 1)).isEqualTo(LENGTH_NOT_MULTIPLE);
    assertThat(curandGenerateLongLong(generator, out, 7)).isEqualTo(TYPE_ERROR);
    assertThat(curandGeneratePoisson(generator, out, 7, 1)).isEqualTo(INTERNAL_ERROR);
    assertThat(curandCreateGenerator(new curandGenerator(), CURAND_RNG_QUASI_SOBOL32)).isEqualTo(TYPE_ERROR);
    assertThat(curandGenerate(new curandGenerator(), out, 7)).isEqualTo(NOT_INITIALIZED);
    check(curandDestroyGenerator(generator));
    assertThat(curandGenerate(generator, out, 7)).isEqualTo(NOT_INITIALIZED);
    assertThat(curandDestroyGenerator(generator)).isEqualTo(NOT_INITIALIZED);
    curandGenerator left = generator(gpu, CURAND_RNG_PSEUDO_PHILOX4_32_10, 1, 0);
    assertThat(EmulatedGpu.DRIVER.report()).contains("\"curand generators\": 1");
    check(JCudaDriver.cuCtxSetCurrent(new CUcontext()));
    assertThat(curandGenerate(left, out, 7)).as("no context").isEqualTo(INITIALIZATION_FAILED);
    assertThat(curandCreateGenerator(new curandGenerator(), CURAND_RNG_PSEUDO_XORWOW)).isEqualTo(INITIALIZATION_FAILED);
    check(JCudaDriver.cuCtxSetCurrent(gpu.context));
    gpu.close();
    assertThat(EmulatedGpu.DRIVER.report()).contains("1 handles of libraries of device 0");
    assertThat(curandGenerate(left, out, 7)).as("gone with its context").isEqualTo(NOT_INITIALIZED);
  }

  private void memory() {
    EmulatedGpu gpu = new EmulatedGpu(mode);
    CUdeviceptr out = gpu.allocate(64);
    curandGenerator generator = generator(gpu, CURAND_RNG_PSEUDO_PHILOX4_32_10, 1, 0);
    check(curandGenerate(generator, out, 16));
    assertThat(gpu.waited()).isZero();
    assertThat(curandGenerate(generator, out, 17)).isZero();
    assertThat(gpu.waited()).as("a word more than the memory").isEqualTo(700);
    assertThat(curandGenerate(generator, out, 16)).isEqualTo(PREEXISTING_FAILURE);
    gpu = new EmulatedGpu(mode);
    out = gpu.allocate(64);
    generator = generator(gpu, CURAND_RNG_PSEUDO_PHILOX4_32_10, 1, 0);
    assertThat(curandGenerateNormal(generator, out.withByteOffset(8), 4, 0, 1)).isZero();
    assertThat(gpu.waited()).as("an address that is no multiple of 16").isEqualTo(716);
    gpu = new EmulatedGpu(mode);
    out = gpu.allocate(64);
    assertThat(curandGenerateUniformDouble(generator(gpu, CURAND_RNG_PSEUDO_PHILOX4_32_10, 1, 0), out, (1L << 61) + 1)).isZero();
    assertThat(gpu.waited()).as("a number of bytes that no word holds").isEqualTo(700);
  }

  /// What is generated comes after what the stream has to do first, and not before somebody waits in lazy mode.
  private void streams() {
    EmulatedGpu gpu = new EmulatedGpu(mode);
    CUdeviceptr out = gpu.allocate(64);
    curandGenerator generator = generator(gpu, CURAND_RNG_PSEUDO_PHILOX4_32_10, 1, 0);
    check(JCudaDriver.cuMemsetD32Async(out, 7, 16, gpu.stream));
    check(curandGenerate(generator, out, 16));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(4);
      check(JCudaDriver.cuMemcpyDtoH(EmulatedGpu.pointer(host), out, 4));
      if (mode.equals("lazy")) {
        assertThat(host.get(ValueLayout.JAVA_INT, 0)).as("nobody has waited").isEqualTo(-1);
        assertThat(EmulatedGpu.DRIVER.report()).contains("\"never_waited\": [\"curandGenerate (call");
      }
    }
    int[] words = gpu.ints(out, 16);
    assertThat(words).doesNotContain(7);
    check(curandSetStream(generator, new cudaStream_t()));
    check(curandSetGeneratorOffset(generator, 0));
    CUdeviceptr other = gpu.allocate(64);
    check(curandGenerate(generator, other, 16));
    assertThat(JCudaDriver.cuStreamSynchronize(new CUstream())).as("the legacy stream").isZero();
    assertThat(gpu.ints(other, 16)).isEqualTo(words);
    check(curandSetStream(generator, gpu.libraryStream()));
    gpu.close();
    EmulatedGpu next = new EmulatedGpu(mode);
    generator = generator(next, CURAND_RNG_PSEUDO_PHILOX4_32_10, 1, 0);
    CUstream gone = new CUstream();
    check(JCudaDriver.cuStreamCreate(gone, 1));
    check(curandSetStream(generator, new cudaStream_t(gone)));
    check(JCudaDriver.cuStreamDestroy(gone));
    assertThat(curandGenerate(generator, next.allocate(64), 16)).isEqualTo(LAUNCH_FAILURE);
  }

  private void injected() {
    EmulatedGpu gpu = new EmulatedGpu(mode + ",fail=curandGenerateUniform:2:201,fail=curandDestroyGenerator:1:999");
    CUdeviceptr out = gpu.allocate(64);
    curandGenerator generator = generator(gpu, CURAND_RNG_PSEUDO_PHILOX4_32_10, 1, 0);
    check(curandGenerateUniform(generator, out, 16));
    assertThat(curandGenerateUniform(generator, out, 16)).isEqualTo(LAUNCH_FAILURE);
    check(curandGenerateUniform(generator, out, 16));
    assertThat(EmulatedGpu.DRIVER.calls("curandGenerateUniform")).isEqualTo(3);
    long next = EmulatedGpu.DRIVER.calls("*") + 1;
    EmulatedGpu.DRIVER.configure("fail=*:" + next + ":2");
    assertThat(curandGenerateUniform(generator, out, 16)).as("the driver has no memory").isEqualTo(102);
    assertThat(gpu.waited()).isZero();
    assertThat(curandDestroyGenerator(generator)).isEqualTo(INTERNAL_ERROR);
    assertThat(EmulatedGpu.DRIVER.report()).as("destroyed for all that").doesNotContain("curand generators")
        .contains("CURAND_STATUS_LAUNCH_FAILURE: injected");
    EmulatedGpu.DRIVER.configure("fail=*:" + (EmulatedGpu.DRIVER.calls("*") + 1) + ":719");
    assertThat(curandCreateGenerator(generator, CURAND_RNG_PSEUDO_XORWOW)).isEqualTo(PREEXISTING_FAILURE);
    assertThat(gpu.waited()).isEqualTo(719);
  }

  private static curandGenerator generator(EmulatedGpu gpu, int type, long seed, long offset) {
    curandGenerator generator = new curandGenerator();
    check(curandCreateGenerator(generator, type));
    check(curandSetStream(generator, gpu.libraryStream()));
    check(curandSetGeneratorOrdering(generator, CURAND_ORDERING_PSEUDO_LEGACY));
    check(curandSetPseudoRandomGeneratorSeed(generator, seed));
    check(curandSetGeneratorOffset(generator, offset));
    return generator;
  }

  private static List<Long> longs(int[] words) {
    return LongStream.range(0, words.length).map(i -> Integer.toUnsignedLong(words[(int) i])).boxed().toList();
  }

  private static void check(int status) {
    assertThat(status).as(EmulatedGpu.DRIVER.report()).isZero();
  }
}
