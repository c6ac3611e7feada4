package io.github.tensorseed.checkpoint;

import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.Consumer;

/// Large hostile files, read in a process of 256 MB. Its output says how each was taken.
final class HostileFiles {
  private HostileFiles() {}

  /// A file of this header, `data` bytes of values behind it, and this claim about the header's length.
  static void write(Path file, byte[] json, long length, int data) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(8 + json.length + data).order(ByteOrder.LITTLE_ENDIAN);
    Files.write(file, bytes.putLong(length).put(json).array());
  }

  public static void main(String[] args) throws IOException {
    Path folder = Path.of(args[0]);
    open(folder, "a million tensors", "a.safetensors", out -> {
      out.print('{');
      for (int i = 0; i < 1_000_000; i++) {
        out.print((i == 0 ? "" : ",") + "\"t" + i + "\":{\"dtype\":\"F32\",\"shape\":[0,1,2," + i + "],\"data_offsets\":[0,0]}");
      }
      out.print('}');
    });
    open(folder, "200000 tensors", "a.safetensors", HostileFiles::manyTensors);
    open(folder, "a string of 90 MB", "a.safetensors", out -> {
      out.print("{\"__metadata__\":{\"a\":\"");
      repeat(out, "a\u00e9", 30_000_000);
      out.print("\"}}");
    });
    open(folder, "strings of 8 M characters", "a.safetensors", out -> longStrings(out, 11));
    open(folder, "a name of 90 MB", "a.safetensors", out -> {
      out.print("{\"");
      repeat(out, "a", 90_000_000);
      out.print("\":1}");
    });
    open(folder, "a number of 90 MB", "a.safetensors", out -> {
      out.print("{\"a\":{\"shape\":[");
      repeat(out, "1", 90_000_000);
      out.print("]}}");
    });
    open(folder, "a shape of 40 M axes", "a.safetensors", out -> {
      out.print("{\"a\":{\"shape\":[1");
      repeat(out, ",1", 40_000_000);
      out.print("]}}");
    });
    open(folder, "names with the same hash", "a.safetensors", out -> {
      out.print("{");
      for (int i = 0; i < 1 << 17; i++) {
        out.print(i == 0 ? "\"" : ",\"");
        for (int bit = 0; bit < 17; bit++) {
          out.print((i >> bit & 1) == 0 ? "Aa" : "BB");
        }
        out.print("\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}");
      }
      out.print('}');
    });
    diff(folder, "two of 200000 tensors each", HostileFiles::manyTensors);
    diff(folder, "two of 3 strings of 8 M characters", out -> longStrings(out, 3));
    diff(folder, "two of 7 strings of 8 M characters", out -> longStrings(out, 7));
    open(folder, "an index of a million tensors", ShardLayout.INDEX, out -> {
      out.print("{\"weight_map\":{\"a\":\"a.safetensors\"");
      for (int i = 0; i < 1_000_000; i++) {
        out.print(",\"t" + i + "\":\"" + i + ".safetensors\"");
      }
      out.print("}}");
    });
  }

  private static void manyTensors(PrintWriter out) {
    out.print('{');
    for (int i = 0; i < 200_000; i++) {
      out.print((i == 0 ? "" : ",") + "\"model.layers." + i + ".mlp.up_proj.weight\":"
          + "{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}");
    }
    out.print('}');
  }

  private static void longStrings(PrintWriter out, int count) {
    out.print("{\"__metadata__\":{");
    for (int i = 0; i < count; i++) {
      out.print((i == 0 ? "" : ",") + "\"tensorseed." + i + "\":\"\u20ac");
      repeat(out, "a", (1 << 23) - 1);
      out.print('"');
    }
    out.print("}}");
  }

  private static void diff(Path folder, String what, Consumer<PrintWriter> json) throws IOException {
    Path first = folder.resolve("first.safetensors");
    Path second = folder.resolve("second.safetensors");
    create(first, Long.BYTES, json);
    Files.copy(first, second);
    try (Checkpoint a = Checkpoint.open(first); Checkpoint b = Checkpoint.open(second)) {
      Comparison comparison = Comparison.of(a, b, 1, _ -> {});
      System.out.println(what + ": " + comparison.same() + " the same, " + comparison.differences().size() + " others");
    } catch (IOException e) {
      System.out.println(what + ": " + e.getMessage());
    }
    Files.delete(first);
    Files.delete(second);
  }

  private static void repeat(PrintWriter out, String text, int count) {
    String thousand = text.repeat(1000);
    for (int i = 0; i < count / 1000; i++) {
      out.print(thousand);
    }
    out.print(text.repeat(count % 1000));
  }

  private static void open(Path folder, String what, String name, Consumer<PrintWriter> json) throws IOException {
    Path file = folder.resolve(name);
    int prefix = name.endsWith(".safetensors") ? Long.BYTES : 0;
    create(file, prefix, json);
    try (Checkpoint checkpoint = Checkpoint.open(prefix > 0 ? file : folder)) {
      System.out.println(what + ": " + checkpoint.tensors().size() + " tensors");
    } catch (IOException e) {
      System.out.println(what + ": " + e.getMessage());
    }
    Files.delete(file);
  }

  /// Writes a file whose JSON stands behind a length of `prefix` bytes.
  private static void create(Path file, int prefix, Consumer<PrintWriter> json) throws IOException {
    try (OutputStream raw = Files.newOutputStream(file)) {
      raw.write(new byte[prefix]);
      try (PrintWriter out = new PrintWriter(new OutputStreamWriter(raw, StandardCharsets.UTF_8))) {
        json.accept(out);
      }
    }
    if (prefix > 0) {
      try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
        channel.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, Files.size(file) - prefix), 0);
      }
    }
  }
}
