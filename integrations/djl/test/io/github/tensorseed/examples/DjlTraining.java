package io.github.tensorseed.examples;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.Initializers;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.djl.NamedInitializer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Two layers of DJL begin with our weights, and learn the classes of images by PyTorch.
final class DjlTraining {
  private static final int BATCH = 50;

  private DjlTraining() {}

  /// Trains once.
  ///
  /// @param pixels of the images, one after the other
  /// @return the loss of every step
  static List<Float> run(float[] pixels, byte[] labels, Initializer weights, long seed, int epochs) {
    SequentialBlock net = new SequentialBlock()
        .add(Linear.builder().setUnits(64).build())
        .add(Activation::relu)
        .add(Linear.builder().setUnits(10).build());
    NamedInitializer.setAll(net, RandomStream.of(seed), name -> name.endsWith("_weight") ? weights : Initializers.zeros());

    int features = pixels.length / labels.length;
    Shape batch = new Shape(BATCH, features);
    DefaultTrainingConfig config = new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
        .optDevices(new Device[] {Device.cpu()})
        .optOptimizer(Optimizer.sgd().setLearningRateTracker(Tracker.fixed(0.02f)).optMomentum(0.9f).build());
    List<Float> losses = new ArrayList<>();
    try (Model model = Model.newInstance("two layers", Device.cpu(), "PyTorch")) {
      model.setBlock(net);
      try (Trainer trainer = model.newTrainer(config)) {
        trainer.initialize(batch);
        for (int step = 0; step < epochs * labels.length / BATCH; step++) {
          int from = step * BATCH % labels.length;
          try (NDManager manager = trainer.getManager().newSubManager(); GradientCollector collector = trainer.newGradientCollector()) {
            NDArray rows = manager.create(Arrays.copyOfRange(pixels, from * features, (from + BATCH) * features), batch);
            NDArray classes = manager.create(Arrays.copyOfRange(labels, from, from + BATCH)).toType(DataType.INT64, false);
            NDArray loss = trainer.getLoss().evaluate(new NDList(classes), trainer.forward(new NDList(rows)));
            collector.backward(loss);
            losses.add(loss.getFloat());
          }
          trainer.step();
        }
      }
    }
    return losses;
  }
}
