package io.github.tensorseed.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;

/// 20,000 files: nothing but an IOException may come of them, and what is accepted covers its file.
class HeaderFuzzTest {
  private static final String VALID = "{\"__metadata__\":{\"format\":\"pt\",\"n\\u00e4me\":\"\\\"\"},"
      + "\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
      + "\"b\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[24,26]},"
      + "\"c\":{\"dtype\":\"F4\",\"shape\":[12],\"data_offsets\":[26,32]}}";

  private record Change(double place, int length, String text) {
    String apply(String json) {
      int from = (int) (place * json.length());
      return json.substring(0, from) + text + json.substring(Math.min(json.length(), from + length));
    }
  }

  @Property(tries = 10_000)
  void changedHeaders(@ForAll("changes") List<Change> changes, @ForAll("lengths") int more) throws IOException {
    String json = VALID;
    for (Change change : changes) {
      json = change.apply(json);
    }
    byte[] bytes = json.getBytes(StandardCharsets.ISO_8859_1);
    read(bytes, bytes.length + more, 32);
  }

  @Property(tries = 10_000)
  void madeUpHeaders(@ForAll("objects") String json, @ForAll("data") int data) throws IOException {
    byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
    read(bytes, bytes.length, data);
  }

  @Provide
  Arbitrary<List<Change>> changes() {
    Arbitrary<String> text = Arbitraries.oneOf(
        Arbitraries.of("", "{", "}", "[", "]", ",", ":", "\"", "\\", "-1", "0", "1e9", "9223372036854775807", "18446744073709551616",
            "null", "\u0000", "\u00ff", "\u00c0\u00af", "\\ud800", "\"b\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[24,26]},",
            "[[[[[[[[[[[[[[[["),
        Arbitraries.strings().withCharRange('\u0000', '\u00ff').ofMaxLength(4));
    Arbitrary<Double> place = Arbitraries.integers().between(0, 999).map(thousandth -> thousandth / 1000.0);
    return Combinators.combine(place, Arbitraries.integers().between(0, 40), text).as(Change::new).list().ofMinSize(1).ofMaxSize(3);
  }

  @Provide
  Arbitrary<Integer> lengths() {
    return Arbitraries.of(0, 0, 0, -1, 1, 32, 33, 1_000_000);
  }

  @Provide
  Arbitrary<Integer> data() {
    return Arbitraries.of(0, 1, 2, 4, 8, 16);
  }

  @Provide
  Arbitrary<String> objects() {
    Arbitrary<String> number =
        Arbitraries.of("0", "0", "1", "2", "4", "8", "16", "-1", "1.5", "9223372036854775807", "99999999999999999999");
    Arbitrary<String> pair = number.list().ofSize(2).map(HeaderFuzzTest::array);
    Arbitrary<String> value = Arbitraries.lazyOf(() -> number, () -> number.list().ofMaxSize(3).map(HeaderFuzzTest::array),
        () -> Arbitraries.of("\"F32\"", "\"U8\"", "null", "true", "\"\"", "\"F4\""), () -> objects());
    Arbitrary<String> entry = Combinators.combine(
            Arbitraries.of("\"U8\"", "\"F16\"", "\"F4\"", "\"F64\"", "\"F99\"", "1"),
            number.list().ofMaxSize(2).map(HeaderFuzzTest::array), pair)
        .as((dtype, shape, offsets) -> "{\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}");
    Arbitrary<String> member = Combinators.combine(
            Arbitraries.of("a", "b", "c", "d", "__metadata__", "dtype", "shape", "data_offsets"), Arbitraries.frequencyOf(
                Tuple.of(3, entry), Tuple.of(1, value)))
        .as((key, content) -> "\"" + key + "\":" + content);
    return member.list().ofMaxSize(4).map(members -> "{" + String.join(",", members) + "}");
  }

  private static String array(List<String> values) {
    return "[" + String.join(",", values) + "]";
  }

  private static void read(byte[] json, long length, int data) throws IOException {
    Path file = Files.createTempFile("fuzz", ".safetensors");
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.allocate(8 + json.length + data).order(ByteOrder.LITTLE_ENDIAN).putLong(length).put(json).rewind());
      SafetensorsHeader header;
      try {
        header = SafetensorsHeader.read(file, channel, new Json.Budget());
      } catch (IOException e) {
        assertThat(e).isExactlyInstanceOf(IOException.class).hasMessageContaining(file.toString());
        return;
      }
      assertThat(header.bytes() + header.tensors().stream().mapToLong(StoredTensor::bytes).sum()).isEqualTo(channel.size());
      assertThat(header.tensors()).allMatch(tensor -> tensor.shape().elements() * tensor.type().bits() == tensor.bytes() * 8);
    } finally {
      Files.delete(file);
    }
  }
}
