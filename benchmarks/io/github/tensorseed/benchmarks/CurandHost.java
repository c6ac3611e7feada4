package io.github.tensorseed.benchmarks;

import static jcuda.jcurand.curandOrdering.CURAND_ORDERING_PSEUDO_LEGACY;
import static jcuda.jcurand.curandRngType.CURAND_RNG_PSEUDO_PHILOX4_32_10;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import jcuda.Pointer;
import jcuda.jcurand.JCurand;
import jcuda.jcurand.curandGenerator;
import jcuda.jcurand.curandStatus;

/// NVIDIA's Philox on the host, whose words are ours; in place, on one thread. The profile `curand` unpacks its library.
public final class CurandHost implements Rival {
  private static final Path FOLDER = Path.of("target", "curand").toAbsolutePath();
  private static final Path LIBRARY = FOLDER.resolve(Path.of("org", "bytedeco", "cuda", "linux-x86_64", "libcurand.so.10"));

  private final Arena arena = Arena.ofShared();
  private final curandGenerator generator = new curandGenerator();
  private Law law = Law.UNIFORM;
  private DType dtype = DType.F32;
  private MemorySegment memory = MemorySegment.NULL;
  private int elements;

  @Override
  public String name() {
    return "cuRAND's host generator";
  }

  @Override
  public String jar() {
    return "jcurand-";
  }

  @Override
  public String missing() {
    return Files.exists(LIBRARY) ? "" : "-Pcurand gets its library, 2.1 GB";
  }

  @Override
  public List<String> settings(Law law, DType dtype) {
    return law != Law.TRUNCATED_NORMAL && (dtype == DType.F32 || dtype == DType.F64) ? List.of("Philox") : List.of();
  }

  @Override
  public boolean threaded() {
    return false;
  }

  @Override
  public Distribution makes(Law law) {
    return law == Law.UNIFORM ? law.standard() : law.weights();
  }

  @Override
  @SuppressWarnings("restricted")
  public void open(String setting, Law law, DType dtype, int elements, int threads) {
    this.law = law;
    this.dtype = dtype;
    this.elements = elements;
    System.setProperty("java.io.tmpdir", FOLDER.toString()); // where JCuda unpacks its own part, and nobody else does
    System.load(LIBRARY.toString());
    memory = arena.allocate((long) elements * dtype.bytes(), 64);
    require(JCurand.curandCreateGeneratorHost(generator, CURAND_RNG_PSEUDO_PHILOX4_32_10));
    require(JCurand.curandSetGeneratorOrdering(generator, CURAND_ORDERING_PSEUDO_LEGACY));
    require(JCurand.curandSetPseudoRandomGeneratorSeed(generator, 1));
  }

  @Override
  public void fill() {
    Pointer out = new Pointer().withByteOffset(memory.address());
    boolean wide = dtype == DType.F64;
    require(switch (law) {
      case UNIFORM -> wide ? JCurand.curandGenerateUniformDouble(generator, out, elements)
          : JCurand.curandGenerateUniform(generator, out, elements);
      case NORMAL -> wide ? JCurand.curandGenerateNormalDouble(generator, out, elements, 0, 0.02)
          : JCurand.curandGenerateNormal(generator, out, elements, 0, 0.02f);
      case TRUNCATED_NORMAL -> throw new IllegalStateException(law.name());
    });
  }

  private static void require(int status) {
    if (status != curandStatus.CURAND_STATUS_SUCCESS) {
      throw new IllegalStateException(curandStatus.stringFor(status));
    }
  }

  @Override
  public double[] values(int from, int count) {
    return IntStream.range(from, from + count).mapToDouble(i -> dtype.get(memory, i)).toArray();
  }

  @Override
  public void close() {
    require(JCurand.curandDestroyGenerator(generator));
    arena.close();
  }
}
