package io.github.tensorseed.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.modality.nlp.DefaultVocabulary;
import ai.djl.modality.nlp.embedding.TrainableWordEmbedding;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.training.ParameterStore;
import ai.djl.util.passthrough.PassthroughNDManager;
import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.Initializers;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import io.github.tensorseed.model.Recipe;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Our values in blocks of DJL, on its PyTorch engine, bit for bit.
class NamedInitializerTest {
  private static final RandomStream SEED = RandomStream.of(42);

  private final NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");

  @AfterEach
  void close() {
    manager.close();
  }

  /// The bytes of a CPU tensor.
  private static byte[] ours(DType dtype, Initializer initializer, String name, long... extents) {
    try (CpuDevice cpu = CpuDevice.open(1); Tensor tensor = cpu.allocate(dtype, io.github.tensorseed.Shape.of(extents))) {
      initializer.fill(tensor, SEED.named(name));
      return tensor.memory().toArray(ValueLayout.JAVA_BYTE);
    }
  }

  private static Initializer normal(double std) {
    return new Distribution.Normal(0, std);
  }

  private static NDArray parameter(Block block, String name) {
    return block.getParameters().get(name).getArray();
  }

  private static Linear linear(long units) {
    return Linear.builder().setUnits(units).build();
  }

  private static Conv2d conv(int filters, int groups) {
    return Conv2d.builder().setFilters(filters).setKernelShape(new Shape(3, 2)).optGroups(groups).build();
  }

  private static TrainableWordEmbedding embedding(int size) {
    return new TrainableWordEmbedding(new DefaultVocabulary(List.of("a", "b", "c", "d")), size);
  }

  /// With the fans of PyTorch for the same shapes: 7 inputs, 4 / 2 channels times 3 x 2 positions, rows of 11.
  @ParameterizedTest
  @CsvSource({"FLOAT64, F64", "FLOAT32, F32", "FLOAT16, F16"})
  void blocksGetOurBits(DataType type, DType dtype) {
    Block linear = linear(5);
    NamedInitializer.setAll(linear, SEED, name -> name.equals("weight") ? Initializers.heNormal() : Initializers.uniform(-1, 1));
    linear.initialize(manager, type, new Shape(2, 7));
    assertThat(parameter(linear, "weight").getDataType()).isEqualTo(type);
    assertThat(parameter(linear, "weight").toByteArray()).isEqualTo(ours(dtype, normal(Math.sqrt(2 / 7.)), "weight", 5, 7));
    assertThat(parameter(linear, "bias").toByteArray()).isEqualTo(ours(dtype, Initializers.uniform(-1, 1), "bias", 5));

    Block conv = conv(6, 2);
    NamedInitializer.setAll(conv, SEED, name -> name.equals("weight") ? Initializers.heNormal() : null);
    conv.initialize(manager, type, new Shape(1, 4, 8, 8));
    assertThat(parameter(conv, "weight").toByteArray()).isEqualTo(ours(dtype, normal(Math.sqrt(2 / 12.)), "weight", 6, 2, 3, 2));
    assertThat(parameter(conv, "bias").toByteArray()).as("DJL's own").containsOnly(0);

    Block embedding = embedding(11);
    NamedInitializer.setAll(embedding, SEED, _ -> Initializers.heNormal());
    embedding.initialize(manager, type, new Shape(2));
    long items = parameter(embedding, "embedding").getShape().get(0);
    assertThat(parameter(embedding, "embedding").toByteArray()).isEqualTo(ours(dtype, normal(Math.sqrt(2 / 11.)), "embedding", items, 11));
  }

  private float[] forward(Block block, NDArray input) {
    return block.forward(new ParameterStore(manager, false), new NDList(input), false).singletonOrThrow().toFloatArray();
  }

  /// What blocks make of one input at a time says where they read each weight.
  @Test
  void blocksReadThemAsLaidOut() {
    Initializer law = normal(1);
    Block linear = Linear.builder().setUnits(3).optBias(false).build();
    NamedInitializer.setAll(linear, SEED, _ -> law);
    linear.initialize(manager, DataType.FLOAT32, new Shape(1, 2));
    float[] w = floats("weight", 3, 2);
    assertThat(forward(linear, manager.create(new float[] {0, 1}, new Shape(1, 2)))).containsExactly(w[1], w[3], w[5]);

    Block conv = Conv2d.builder().setFilters(2).setKernelShape(new Shape(2, 2)).optBias(false).build();
    NamedInitializer.setAll(conv, SEED, _ -> law);
    conv.initialize(manager, DataType.FLOAT32, new Shape(1, 3, 2, 2));
    w = floats("weight", 2, 3, 2, 2);
    float[] image = new float[12];
    image[2 * 4 + 1 * 2] = 1; // channel 2, second row, first column
    assertThat(forward(conv, manager.create(image, new Shape(1, 3, 2, 2)))).containsExactly(w[2 * 4 + 2], w[12 + 2 * 4 + 2]);

    Block embedding = embedding(3);
    NamedInitializer.setAll(embedding, SEED, _ -> law);
    embedding.initialize(manager, DataType.FLOAT32, new Shape(1));
    w = floats("embedding", parameter(embedding, "embedding").getShape().getShape());
    assertThat(forward(embedding, manager.create(new long[] {2}))).containsExactly(w[6], w[7], w[8]);
  }

  /// N(0, 1).
  private static float[] floats(String name, long... extents) {
    try (CpuDevice cpu = CpuDevice.open(1); Tensor tensor = cpu.allocate(DType.F32, io.github.tensorseed.Shape.of(extents))) {
      normal(1).fill(tensor, SEED.named(name));
      return tensor.toFloats();
    }
  }

  /// Equal shapes differ by their names; what comes behind a layer changes nothing in it.
  @Test
  void everyParameterHasAStreamOfItsOwn() {
    Recipe recipe = Recipe.parse("mine", """
        {l}Linear_weight = he_normal(fan=out) with row(0) = l
        *_gamma          = ones()
        *                = normal(0, 0.5)
        """);
    SequentialBlock small = new SequentialBlock().add(linear(6)).add(linear(6)).add(BatchNorm.builder().build());
    SequentialBlock large = new SequentialBlock().add(linear(6)).add(linear(6)).add(linear(9));
    for (Block net : List.of(small, large)) {
      NamedInitializer.setAll(net, SEED, recipe::initializer);
      net.initialize(manager, DataType.FLOAT32, new Shape(1, 6));
    }
    for (int layer = 1; layer <= 2; layer++) {
      String name = "0" + layer + "Linear_weight";
      byte[] expected = ours(DType.F32, normal(Math.sqrt(2 / 6.)), name, 6, 6);
      byte[] row = ours(DType.F32, Initializers.constant(layer), name, 6);
      System.arraycopy(row, 0, expected, 0, row.length);
      assertThat(parameter(small, name).toByteArray()).isEqualTo(expected);
      assertThat(parameter(large, name).toByteArray()).isEqualTo(expected);
    }
    assertThat(parameter(small, "01Linear_bias").toByteArray()).isEqualTo(ours(DType.F32, normal(0.5), "01Linear_bias", 6))
        .isNotEqualTo(parameter(small, "02Linear_bias").toByteArray());
    assertThat(parameter(small, "03BatchNorm_gamma").toFloatArray()).containsOnly(1);
    assertThat(parameter(large, "03Linear_weight").toByteArray()).hasSize(4 * 9 * 6);
  }

  /// Of more elements than one thread takes at a time, in memory that is PyTorch's own.
  @Test
  void largeArraysToo() {
    NDArray array = new NamedInitializer(normal(1), SEED, "w").initialize(manager, new Shape(1000, 1001), DataType.FLOAT32);
    assertThat(array.toByteArray()).isEqualTo(ours(DType.F32, normal(1), "w", 1000, 1001));
    assertThat(array.toByteBuffer(true).isDirect()).isTrue();
    assertThat(array.add(0).toByteArray()).isEqualTo(array.toByteArray());
  }

  @Test
  void scalarsAndEmptyArrays() {
    NamedInitializer ones = new NamedInitializer(Initializers.ones(), SEED, "w");
    assertThat(ones.initialize(manager, new Shape(), DataType.FLOAT32).getFloat()).isEqualTo(1);
    assertThat(ones.initialize(manager, new Shape(0, 3), DataType.FLOAT32).toFloatArray()).isEmpty();
  }

  /// DJL's manager of bare buffers says that it is a GPU's: what it is given is the values, in one buffer.
  @Test
  void otherEnginesGetABuffer() {
    NDManager gpu = new PassthroughNDManager(Engine.getEngine("PyTorch"), Device.gpu());
    NDArray array = new NamedInitializer(normal(1), SEED, "w").initialize(gpu, new Shape(7, 9), DataType.FLOAT16);
    assertThat(array.getShape()).isEqualTo(new Shape(7, 9));
    assertThat(array.toByteArray()).isEqualTo(ours(DType.F16, normal(1), "w", 7, 9));
    assertThatThrownBy(() -> new NamedInitializer(normal(1), SEED, "w").initialize(gpu, new Shape(1 << 15, 1 << 14), DataType.FLOAT32))
        .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("'w' has 2147483648 bytes");
  }

  @Test
  void faultsAreNamed() {
    NamedInitializer he = new NamedInitializer(Initializers.heNormal(), SEED, "ids");
    for (DataType type : List.of(DataType.INT32, DataType.BFLOAT16)) {
      assertThatThrownBy(() -> he.initialize(manager, new Shape(2, 2), type)).isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("'ids' is " + type);
    }
    assertThatThrownBy(() -> he.initialize(manager, new Shape(2), DataType.FLOAT32)).isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("fans need a tensor of rank 2 or more");
    Block block = linear(2);
    block.initialize(manager, DataType.FLOAT32, new Shape(1, 2));
    assertThatThrownBy(() -> NamedInitializer.setAll(block, SEED, _ -> Initializers.ones())).isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("'weight' has its values already");
  }
}
