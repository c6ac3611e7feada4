package io.github.tensorseed.dl4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Expression;
import io.github.tensorseed.ExpressionException;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/// Our values in networks of DL4J, element by element as its users read them.
class WeightInitExpressionTest {
  private static final long SEED = 42;

  /// The values of a CPU tensor, in row-major order.
  private static double[] ours(DType dtype, Initializer initializer, String name, long... extents) {
    try (CpuDevice cpu = CpuDevice.open(1); Tensor tensor = cpu.allocate(dtype, Shape.of(extents))) {
      initializer.fill(tensor, RandomStream.of(SEED).named(name));
      return tensor.toDoubles();
    }
  }

  private static Initializer normal(double std) {
    return new Distribution.Normal(0, std);
  }

  /// The values of an array by their indices, in row-major order.
  private static double[] theirs(INDArray array) {
    double[] values = new double[(int) array.length()];
    for (int i = 0; i < values.length; i++) {
      long[] index = new long[array.rank()];
      int rest = i;
      for (int axis = array.rank() - 1; axis >= 0; axis--) {
        index[axis] = rest % array.size(axis);
        rest /= (int) array.size(axis);
      }
      values[i] = array.getDouble(index);
    }
    return values;
  }

  private static MultiLayerConfiguration configuration(DataType type, Layer... layers) {
    NeuralNetConfiguration.ListBuilder list = new NeuralNetConfiguration.Builder().dataType(type)
        .activation(Activation.IDENTITY).weightInit(new WeightInitExpression("he_normal()", SEED)).list();
    for (Layer layer : layers) {
      list.layer(layer);
    }
    MultiLayerConfiguration configuration = list.build();
    WeightInitExpression.nameLayers(configuration);
    return configuration;
  }

  private static MultiLayerNetwork network(DataType type, Layer... layers) {
    MultiLayerNetwork network = new MultiLayerNetwork(configuration(type, layers));
    network.init();
    return network;
  }

  private static DenseLayer dense(int in, int out) {
    return new DenseLayer.Builder().nIn(in).nOut(out).build();
  }

  /// Dense weights are \[in, out\], one behind the other in one array: the first begins it, and the second lies at an odd offset.
  @ParameterizedTest
  @CsvSource({"DOUBLE, F64", "FLOAT, F32", "HALF, F16"})
  void denseWeightsAreOurs(DataType type, DType dtype) {
    MultiLayerNetwork network = network(type, dense(37, 23), dense(23, 5));
    INDArray first = network.getParam("0_W");
    assertThat(first.dataType()).isEqualTo(type);
    assertThat(theirs(first)).isEqualTo(ours(dtype, normal(Math.sqrt(2 / 37.)), "layer0_W", 37, 23));
    assertThat(theirs(network.getParam("1_W"))).isEqualTo(ours(dtype, normal(Math.sqrt(2 / 23.)), "layer1_W", 23, 5));
    assertThat(theirs(network.getParam("0_b"))).containsOnly(0);
  }

  /// What a layer makes of one input is the row of its weights.
  @Test
  void denseLayersReadThemAsLaidOut() {
    MultiLayerNetwork network = network(DataType.DOUBLE, dense(3, 2));
    double[] w = ours(DType.F64, normal(Math.sqrt(2 / 3.)), "layer0_W", 3, 2);
    assertThat(network.output(Nd4j.createFromArray(new double[][] {{0, 1, 0}})).toDoubleVector()).containsExactly(w[2], w[3]);
  }

  /// \[out, in, height, width\]. DL4J divides the fan-out by the stride's area: 4 * 6 / 2.
  @Test
  void convolutionsAreOurs() {
    Layer layer = new ConvolutionLayer.Builder(3, 2).stride(2, 1).nIn(5).nOut(4).weightInit(
        new WeightInitExpression("he_normal(fan=out)", SEED, "conv")).build();
    MultiLayerNetwork network = network(DataType.FLOAT, layer);
    assertThat(network.getParam("0_W").shape()).containsExactly(4, 5, 3, 2);
    assertThat(theirs(network.getParam("0_W"))).isEqualTo(ours(DType.F32, normal(Math.sqrt(2 / 12.)), "conv", 4, 5, 3, 2));
  }

  /// An expression that names a layout means the fans of that, and not DL4J's.
  @Test
  void layouts() {
    assertThat(theirs(init("he_normal()", 'f', DataType.FLOAT, 6, 3))).isEqualTo(ours(DType.F32, normal(Math.sqrt(2 / 6.)), "w", 6, 3));
    assertThat(theirs(init("he_normal(layout=oihw)", 'f', DataType.FLOAT, 6, 3)))
        .isEqualTo(ours(DType.F32, normal(Math.sqrt(2 / 3.)), "w", 6, 3));
    assertThat(theirs(init("dirac()", 'c', DataType.FLOAT, 4, 5, 3, 3)))
        .isEqualTo(ours(DType.F32, Expression.parse("dirac(layout=oihw)"), "w", 4, 5, 3, 3));
  }

  private static INDArray init(String expression, char order, DataType type, long... shape) {
    long elements = Shape.of(shape).elements();
    // In the middle of a larger array, whose other elements stay.
    INDArray all = Nd4j.ones(type, 1, elements + 7);
    INDArray view = all.get(NDArrayIndex.interval(0, 0, true), NDArrayIndex.interval(3, 3 + elements));
    double first = (double) shape[0];
    INDArray made = new WeightInitExpression(expression, SEED, "w").init(first, elements / first, shape, order, view);
    assertThat(made.shape()).isEqualTo(shape);
    assertThat(all.getDouble(0, 2)).isEqualTo(1);
    assertThat(all.getDouble(0, elements + 3)).isEqualTo(1);
    return made;
  }

  /// Any rank, in either order, with more than the elements that are made at once: 700 x 601 and 3 x 200,001 are 2 and 75 times as many.
  @ParameterizedTest
  @CsvSource({"f", "c"})
  void ordersAreNoConcernOfTheValues(char order) {
    for (long[] shape : new long[][] {{700, 601}, {3, 200_001}, {9, 5, 4, 3}, {11, 2, 7}, {13}, {1, 1}}) {
      assertThat(theirs(init("normal(0, 1)", order, DataType.FLOAT, shape))).isEqualTo(ours(DType.F32, normal(1), "w", shape));
    }
    for (DataType type : new DataType[] {DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16}) {
      DType dtype = type == DataType.DOUBLE ? DType.F64 : type == DataType.FLOAT16 ? DType.F16 : DType.BF16;
      assertThat(theirs(init("normal(0, 1)", order, type, 19, 21))).isEqualTo(ours(dtype, normal(1), "w", 19, 21));
    }
  }

  /// Made at once, and in columns afterwards; the last digits may differ, see `Orthogonal`.
  @Test
  void orthogonalOnesToo() {
    double[] expected = ours(DType.F32, Expression.parse("orthogonal()"), "w", 40, 30);
    assertThat(theirs(init("orthogonal()", 'f', DataType.FLOAT, 40, 30))).containsExactly(expected, within(1e-5));
  }

  @Test
  void equalLayersDiffer() {
    LSTM lstm = new LSTM.Builder().nIn(8).nOut(8).build();
    MultiLayerNetwork network = network(DataType.FLOAT, dense(8, 8), dense(8, 8), lstm);
    assertThat(theirs(network.getParam("2_W"))).isEqualTo(ours(DType.F32, normal(Math.sqrt(2 / 8.)), "layer2_W", 8, 32));
    assertThat(theirs(network.getParam("2_RW"))).isEqualTo(ours(DType.F32, normal(Math.sqrt(2 / 8.)), "layer2_RW", 8, 32));
    assertThat(theirs(network.getParam("0_W"))).isNotEqualTo(theirs(network.getParam("1_W")));
  }

  @Test
  void configurationsComeBackFromJson() throws IOException, ClassNotFoundException {
    WeightInitExpression own = new WeightInitExpression("normal(0,0.02/sqrt(2)) with row(0)=1", -1L, "own");
    MultiLayerConfiguration configuration = configuration(DataType.FLOAT, dense(7, 5),
        new DenseLayer.Builder().nIn(5).nOut(5).weightInit(own).build());
    MultiLayerConfiguration json = MultiLayerConfiguration.fromJson(configuration.toJson());
    assertThat(json).isEqualTo(configuration).hasSameHashCodeAs(configuration);
    assertThat(configuration.clone()).isEqualTo(configuration);
    assertThat(MultiLayerConfiguration.fromYaml(configuration.toYaml())).isEqualTo(configuration);
    assertThat(json.toJson()).contains("\"expression\" : \"normal(0, 0.02/sqrt(2)) with row(0) = 1\"", "\"name\" : \"own\"", "layer0_W");

    MultiLayerNetwork network = new MultiLayerNetwork(configuration);
    network.init();
    MultiLayerNetwork again = new MultiLayerNetwork(json);
    again.init();
    assertThat(again.params().toFloatVector()).isEqualTo(network.params().toFloatVector());

    ByteArrayOutputStream zip = new ByteArrayOutputStream();
    ModelSerializer.writeModel(network, zip, false);
    MultiLayerNetwork restored = ModelSerializer.restoreMultiLayerNetwork(new ByteArrayInputStream(zip.toByteArray()));
    assertThat(restored.getLayerWiseConfigurations()).isEqualTo(configuration);

    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(configuration);
    }
    try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      assertThat(in.readObject()).isEqualTo(configuration);
    }
  }

  @Test
  void faultsAreNamed() {
    assertThatThrownBy(() -> new WeightInitExpression("he_norml()", SEED)).isInstanceOf(ExpressionException.class)
        .hasMessageContaining("did you mean 'he_normal'?");
    MultiLayerNetwork nameless = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
        .weightInit(new WeightInitExpression("he_normal()", SEED)).list().layer(dense(2, 2)).build());
    assertThatThrownBy(nameless::init).isInstanceOf(IllegalStateException.class).hasMessageContaining("has no name");
    assertThatThrownBy(() -> init("he_normal()", 'f', DataType.INT32, 2, 2)).isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'w' is INT");
    INDArray strided = Nd4j.ones(4, 6).get(NDArrayIndex.all(), NDArrayIndex.interval(0, 2));
    assertThatThrownBy(() -> new WeightInitExpression("ones()", SEED, "w").init(2, 4, new long[] {2, 4}, 'f', strided))
        .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("'w' of 32 bytes");
  }
}
