package io.github.tensorseed.whitening;

import io.github.tensorseed.Device;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Where the data is that initializers name: under its name, which is a path as [RowFile#open] takes it, or elsewhere.
public final class DataFiles {
  private final Map<String, String> places;
  private final @Nullable String any;
  private final String remedy;
  private final Set<String> asked = ConcurrentHashMap.newKeySet();

  private DataFiles(Map<String, String> places, @Nullable String any, String remedy) {
    this.places = Map.copyOf(places);
    this.any = any;
    this.remedy = remedy;
  }

  /// Every file under its own name; relative ones in the working folder.
  public static DataFiles asNamed() {
    return new DataFiles(Map.of(), null, "");
  }

  /// Files that may be elsewhere, each `NAME=FILE`, NAME as an initializer has it, or a FILE that stands for all others.
  ///
  /// @throws IllegalArgumentException if two are of one name
  public static DataFiles of(List<String> texts) {
    Map<String, String> places = new HashMap<>();
    String any = null;
    for (String text : texts) {
      int equals = text.indexOf('=');
      if (equals < 0 || isFile(text)) {
        if (any != null) {
          throw new IllegalArgumentException("'" + any + "' and '" + text + "' both stand for all data; write NAME=FILE");
        }
        any = text;
      } else if (places.put(text.substring(0, equals), text.substring(equals + 1)) != null) {
        throw new IllegalArgumentException("the data '" + text.substring(0, equals) + "' is given twice");
      }
    }
    return new DataFiles(places, any, "; --data [NAME=]FILE says where the data is");
  }

  private static boolean isFile(String path) {
    try {
      return Files.exists(Path.of(path));
    } catch (InvalidPathException _) {
      return false;
    }
  }

  /// Once everything is done: every file was given under a name that an initializer has.
  ///
  /// @throws IllegalArgumentException if a file was given under another
  public void requireAllAsked() {
    for (String name : places.keySet()) {
      if (!asked.contains(name)) {
        throw new IllegalArgumentException("no initializer names the data '" + name + "'"
            + (asked.isEmpty() ? "" : "; they name " + String.join(", ", asked.stream().sorted().toList())));
      }
    }
  }

  private RowFile open(String name) throws IOException {
    if (!places.isEmpty()) {
      asked.add(name);
    }
    String place = places.getOrDefault(name, any == null ? name : any);
    try {
      return RowFile.open(place);
    } catch (IOException e) {
      throw new IOException(e.getMessage() + (place.equals(name) ? remedy : ""), e);
    }
  }

  /// The shape of the array `name`, rows first.
  ///
  /// @throws IllegalArgumentException if there is none
  Shape shape(String name) {
    try (RowFile file = open(name)) {
      return file.shape();
    } catch (IOException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  /// The features of a row of an array of this shape: all axes but the first are taken as one.
  static long features(Shape shape) {
    return shape.elements() == 0 ? 0 : shape.elements() / shape.extent(0);
  }

  /// Gives the first rows of the array `name` batch by batch, as matrices on the device, F32 or F64.
  ///
  /// @param atMost how many rows
  /// @throws IllegalArgumentException of the action, with the name before it
  /// @throws UncheckedIOException if the file cannot be read
  void forEachBatch(String name, Device device, long atMost, Consumer<Tensor> action) {
    try (RowFile file = open(name); Batches batches = Batches.open(file, device)) {
      long left = atMost;
      for (Tensor batch; left > 0 && (batch = batches.next()) != null; left -= batch.shape().extent(0)) {
        action.accept(batch.view(0, Shape.of(Math.min(left, batch.shape().extent(0)), file.features())));
      }
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(name + ": " + e.getMessage(), e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Adds all rows of the array `name` to what learns from them, or closes it.
  <S extends Scatter> S addTo(S scatter, String name) {
    try {
      forEachBatch(name, scatter.device(), Long.MAX_VALUE, scatter::add);
      return scatter;
    } catch (RuntimeException e) {
      scatter.close();
      throw e;
    }
  }
}
