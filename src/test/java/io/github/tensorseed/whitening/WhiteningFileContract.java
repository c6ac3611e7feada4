package io.github.tensorseed.whitening;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.whitening.Covariance.Precision;
import io.github.tensorseed.whitening.Scatter.Shrinkage;
import io.github.tensorseed.whitening.Scatter.Side;
import io.github.tensorseed.whitening.Whitening.Kind;
import io.github.tensorseed.whitening.Whitening.Options;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Whitenings that are saved come back on every device, and files that are none are refused.
public abstract class WhiteningFileContract {
  private static final Reference FEW = Reference.rows(6, 9, 50, 2);
  private static final Reference MANY = Reference.rows(30, 5, 50, 2);

  protected final Device device;
  private final Path folder;

  protected WhiteningFileContract(Device device) {
    this.device = device;
    try {
      folder = Files.createTempDirectory("whitening");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @AfterEach
  void close() throws IOException {
    device.close();
    try (var files = Files.list(folder)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(folder);
  }

  private Whitening fit(Reference reference, Precision precision, Options options) {
    try (Scatter scatter = Scatter.open(device, reference.n(), reference.d(), precision, Shrinkage.LEDOIT_WOLF, Side.AUTO);
         Tensor rows = device.allocate(DType.F32, Shape.of(reference.n(), reference.d()))) {
      rows.copyFrom(reference.x());
      scatter.add(rows);
      return Whitening.fit(scatter, options);
    }
  }

  private double[] apply(Whitening whitening, Reference reference) {
    int width = whitening.kind() == Kind.PCA ? whitening.rank() : reference.d();
    try (Tensor rows = device.allocate(DType.F64, Shape.of(reference.n(), reference.d()));
         Tensor white = device.allocate(DType.F64, Shape.of(reference.n(), width))) {
      rows.copyFrom(reference.x());
      whitening.apply(rows, white);
      return white.toDoubles();
    }
  }

  @Test
  void whatIsSavedComesBack() throws IOException {
    for (Reference reference : new Reference[] {FEW, MANY}) {
      for (Kind kind : Kind.values()) {
        for (Precision precision : Precision.values()) {
          for (Epsilon epsilon : List.of(
              Epsilon.standard(), new Epsilon.Absolute(0.1), new Epsilon.SingularValue(1e-6), new Epsilon.OfSums(0))) {
            Path file = folder.resolve("w.safetensors");
            Options options = Options.of(kind).with(epsilon).with(epsilon instanceof Epsilon.Absolute ? new Rank.Count(3) : Rank.all());
            try (Whitening whitening = fit(reference, precision, options)) {
              whitening.save(file, Map.of("tensorseed.data", "x.npy"), true);
              try (Whitening loaded = Whitening.load(file, device)) {
                assertThat(loaded.origin()).isEqualTo(whitening.origin());
                assertThat(loaded.mean()).isEqualTo(whitening.mean());
                assertThat(loaded.eigenvalues()).isEqualTo(whitening.eigenvalues());
                assertThat(loaded.weights()).isEqualTo(whitening.weights());
                assertThat(loaded.form().matrix().dtype()).isEqualTo(whitening.form().matrix().dtype());
                assertThat(apply(loaded, reference)).isEqualTo(apply(whitening, reference));
              }
            }
          }
        }
      }
    }
  }

  @Test
  void otherFilesAreRefused() throws IOException {
    Path file = folder.resolve("w.safetensors");
    try (Whitening whitening = fit(MANY, Precision.F64, Options.of(Kind.ZCA).with(new Epsilon.Absolute(0.5)))) {
      assertThatThrownBy(() -> whitening.save(file, Map.of("tensorseed.rank", "7"), false)).isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("metadata under 'tensorseed.rank'");
      assertThat(file).doesNotExist();
      whitening.save(file, Map.of(), false);
      assertThatThrownBy(() -> whitening.save(file, Map.of(), false)).isInstanceOf(IOException.class)
          .hasMessageContaining("is there already");
    }
    byte[] whole = Files.readAllBytes(file);
    refused(file, whole, "\"tensorseed.kind\":\"zca\"", "\"tensorseed.kinds\":\"zc\"",
        "its metadata has no tensorseed.kind; a whitening that");
    refused(file, whole, "\"tensorseed.kind\":\"zca\"", "\"tensorseed.kind\":\"zcb\"",
        "tensorseed.kind cannot be read: 'zcb' is none of [zca, pca]");
    refused(file, whole, "\"tensorseed.kind\":\"zca\"", "\"tensorseed.kind\":\"\\n!\"", "it is no line of at most 200 characters");
    refused(file, whole, "\"tensorseed.epsilon\":\"absolute 0.5\"", "\"tensorseed.epsilon\":\"absolute  -1\"", "epsilon = -1.0");
    refused(file, whole, "\"tensorseed.epsilon\":\"absolute 0.5\"", "\"tensorseed.epsilon\":\"absolutely 1\"", "no such form");
    refused(file, whole, "\"tensorseed.rank\":\"5\"", "\"tensorseed.rank\":\"6\"", "tensorseed.rank is 6 of 5");
    refused(file, whole, "\"tensorseed.rank\":\"5\"", "\"tensorseed.rank\":\"x\"", "metadata tensorseed.rank cannot be read");
    refused(file, whole, "\"tensorseed.ddof\":\"1\"", "\"tensorseed.ddof\":\"2\"", "tensorseed.ddof = 2 is not 0 to 1");
    refused(file, whole, "\"tensorseed.rows\":\"30\"", "\"tensorseed.rows\":\"-3\"", "tensorseed.rows = -3");
    refused(file, whole, "\"mean\"", "\"meen\"", "has no tensor 'mean'");
    refused(file, whole, "\"matrix\"", "\"matter\"", "has no tensor 'matrix'");
    refused(file, whole, "\"matrix\":{\"dtype\":\"F64\"", "\"matrix\":{\"dtype\":\"I64\"",
        "tensor 'matrix' is I64 [5, 5]; [5, 5] in F32 or F64");
    refused(file, whole, "\"shape\":[5,5]", "\"shape\":[25 ]", "tensor 'matrix' is F64 [25]");
    refused(file, whole, "\"tensorseed.side\":\"covariance\"", "\"tensorseed.side\":\"gram\"      ", "has no tensorseed.other_weight");
    int values = whole.length - (5 + 5 + 25) * Double.BYTES;
    refusedWith(file, whole, values + 8, Double.NaN, "tensor 'mean' has NaN at offset " + (values + 8));
    refusedWith(file, whole, values + 48, 1e9, "'eigenvalues' are not as many as 'mean' has values, falling");
    refusedWith(file, whole, values + 72, -1, "none below 0");
    refusedWith(file, whole, whole.length - 8, Double.POSITIVE_INFINITY, "tensor 'matrix' has Infinity at offset " + (whole.length - 8));
    Files.write(file, Arrays.copyOf(whole, whole.length - 1));
    assertThatThrownBy(() -> Whitening.load(file, device)).isInstanceOf(IOException.class).hasMessageContaining("the tensors take");
    assertThatThrownBy(() -> Whitening.load(folder.resolve("none"), device)).isInstanceOf(IOException.class);
    assertThat(device.allocatedBytes()).isZero();
  }

  private void refused(Path file, byte[] whole, String text, String other, String message) throws IOException {
    String content = new String(whole, ISO_8859_1);
    assertThat(content).contains(text);
    assertThat(other).hasSameSizeAs(text);
    Files.write(file, content.replace(text, other).getBytes(ISO_8859_1));
    assertThatThrownBy(() -> Whitening.load(file, device)).isInstanceOf(IOException.class).hasMessageContaining(message)
        .hasMessageContaining(file.toString());
  }

  private void refusedWith(Path file, byte[] whole, int offset, double value, String message) throws IOException {
    byte[] changed = whole.clone();
    ByteBuffer.wrap(changed).order(ByteOrder.LITTLE_ENDIAN).putDouble(offset, value);
    Files.write(file, changed);
    assertThatThrownBy(() -> Whitening.load(file, device)).isInstanceOf(IOException.class).hasMessageContaining(message);
  }
}
