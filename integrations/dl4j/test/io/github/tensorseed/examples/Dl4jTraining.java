package io.github.tensorseed.examples;

import io.github.tensorseed.dl4j.WeightInitExpression;
import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Nesterovs;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/// Two layers of DL4J begin with our weights, and learn the classes of images.
final class Dl4jTraining {
  private static final int BATCH = 50;
  private static final int CLASSES = 10;

  private Dl4jTraining() {}

  /// Trains once.
  ///
  /// @param pixels of the images, one after the other
  /// @param weights the text of an initializer
  /// @return the loss of every step
  static List<Double> run(float[] pixels, byte[] labels, String weights, long seed, int epochs) {
    int features = pixels.length / labels.length;
    MultiLayerConfiguration configuration = new NeuralNetConfiguration.Builder()
        .weightInit(new WeightInitExpression(weights, seed))
        .updater(new Nesterovs(0.02, 0.9))
        .list()
        .layer(new DenseLayer.Builder().nIn(features).nOut(64).activation(Activation.RELU).build())
        .layer(new OutputLayer.Builder(LossFunction.MCXENT).nIn(64).nOut(CLASSES).activation(Activation.SOFTMAX).build())
        .build();
    WeightInitExpression.nameLayers(configuration);
    MultiLayerNetwork net = new MultiLayerNetwork(configuration);
    net.init();

    INDArray rows = Nd4j.createFromArray(pixels).reshape(labels.length, features);
    INDArray classes = Nd4j.zeros(labels.length, CLASSES);
    for (int i = 0; i < labels.length; i++) {
      classes.putScalar(i, labels[i], 1);
    }
    List<Double> losses = new ArrayList<>();
    for (int step = 0; step < epochs * labels.length / BATCH; step++) {
      int from = step * BATCH % labels.length;
      net.fit(rows.get(NDArrayIndex.interval(from, from + BATCH)), classes.get(NDArrayIndex.interval(from, from + BATCH)));
      losses.add(net.score());
    }
    return losses;
  }
}
