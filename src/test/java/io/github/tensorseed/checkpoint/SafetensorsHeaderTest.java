package io.github.tensorseed.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Shape;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class SafetensorsHeaderTest {
  private static final String ONE = "'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}";

  private final Path folder;

  SafetensorsHeaderTest(@TempDir Path folder) {
    this.folder = folder;
  }

  /// Written by hand from the format's description: length, metadata first, no white space, padded with spaces to a multiple of 8.
  @Test
  void bytesOfAHeader() {
    var metadata = new TreeMap<>(Map.of("format", "pt"));
    var tensors = new LinkedHashMap<String, TensorFile.Entry>();
    tensors.put("w", new TensorFile.Entry(DType.F32, Shape.of(2, 3)));
    tensors.put("b", new TensorFile.Entry(DType.BF16, Shape.of()));
    tensors.put("e", new TensorFile.Entry(DType.F8_E4M3, Shape.of(0)));
    String json = "{\"__metadata__\":{\"format\":\"pt\"},\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
        + "\"b\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[24,26]},"
        + "\"e\":{\"dtype\":\"F8_E4M3\",\"shape\":[0],\"data_offsets\":[26,26]}}";
    assertThat(json).hasSize(202);
    assertThat(SafetensorsHeader.encode(metadata, tensors))
        .isEqualTo(("\u00d0\0\0\0\0\0\0\0" + json + "      ").getBytes(StandardCharsets.ISO_8859_1));
    metadata.put("", ""); // six characters more, and no space is needed
    assertThat(SafetensorsHeader.encode(metadata, tensors))
        .isEqualTo(("\u00d0\0\0\0\0\0\0\0" + json.replace("{\"format", "{\"\":\"\",\"format")).getBytes(StandardCharsets.ISO_8859_1));
  }

  @Test
  void expressionsThatNobodyCouldReadAgain() {
    var metadata = new TreeMap<>(Map.of("tensorseed.tensors", "x".repeat(Json.MAX_STRING + 1)));
    assertThatThrownBy(() -> SafetensorsHeader.encode(metadata, new LinkedHashMap<>())).isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("needs 8388609 characters under 'tensorseed.tensors' of its metadata, and 8388608 are read");
    metadata.put("tensorseed.tensors", "x".repeat(Json.MAX_STRING));
    assertThatCode(() -> SafetensorsHeader.encode(metadata, new LinkedHashMap<>())).doesNotThrowAnyException();
  }

  @Test
  void readsWhatTheFormatAllows() throws IOException {
    var header = read("{'b':{'data_offsets':[4,8],'shape':[2,1],'dtype':'I16'},'__metadata__':{'k':'v','format':'v\\u00e9'},"
        + "'a':{'dtype':'F4','shape':[8],'data_offsets':[0,4]},'z':{'dtype':'BOOL','shape':[3,0],'data_offsets':[4,4]}}   ", 8);
    assertThat(header.metadata()).containsExactlyEntriesOf(Map.of("format", "v\u00e9"));
    assertThat(header.tensors()).extracting(StoredTensor::name).containsExactly("a", "z", "b");
    assertThat(header.tensors().getLast().offset()).isEqualTo(header.bytes() + 4);
    assertThat(header.tensors().getLast().shape()).isEqualTo(Shape.of(2, 1));
    assertThat(read("{}", 0).tensors()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(StoredType.class)
  void everyType(StoredType type) throws IOException {
    var tensor = read("{'a':{'dtype':'" + type + "','shape':[4],'data_offsets':[0," + type.bits() / 2 + "]}}", type.bits() / 2)
        .tensors().getFirst();
    assertThat(tensor.type()).isEqualTo(type);
    type.dtype().ifPresent(dtype -> assertThat(dtype.name()).isEqualTo(type.name()));
    type.dtype().ifPresent(dtype -> assertThat(dtype.bytes() * 8).isEqualTo(type.bits()));
    assertThat(Arrays.stream(DType.values()).map(DType::name)).allMatch(name -> StoredType.valueOf(name).dtype().isPresent());
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
    "[1]|to be an object",
    "|ends too early",
    "{|end",
    "nonsense|nonsense",
    "{'a':1}|to be an object",
    "{'a':{}}|are needed",
    "{'a':{'dtype':'F32','shape':[2]}}|are needed",
    "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0]}}|are needed",
    "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8,8]}}|more than 2 numbers",
    "{'a':{'dtype':'F33','shape':[2],'data_offsets':[0,8]}}|unknown dtype 'F33'; known: [BOOL",
    "{'a':{'dtype':7,'shape':[2],'data_offsets':[0,8]}}|to be a string",
    "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8],'x':[[1]]}}|'x' is none of",
    "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8],'dtype':'F32'}}|'dtype' is there twice",
    "{'a':{'dtype':'F32','shape':2,'data_offsets':[0,8]}}|to be an array",
    "{'a':{'dtype':'F32','shape':[2.0],'data_offsets':[0,8]}}|plain number",
    "{'a':{'dtype':'F32','shape':[2e0],'data_offsets':[0,8]}}|plain number",
    "{'a':{'dtype':'F32','shape':['2'],'data_offsets':[0,8]}}|plain number",
    "{'a':{'dtype':'F32','shape':[-2],'data_offsets':[0,8]}}|plain number",
    "{'a':{'dtype':'F32','shape':[-0],'data_offsets':[0,8]}}|plain number",
    "{'a':{'dtype':'F32','shape':[02],'data_offsets':[0,8]}}|eading zero",
    "{'a':{'dtype':'F32','shape':[0x2],'data_offsets':[0,8]}}|nexpected",
    "{'a':{'dtype':'F32','shape':[NaN],'data_offsets':[0,8]}}|NaN",
    "{'a':{'dtype':'F32','shape':[null],'data_offsets':[0,8]}}|plain number",
    "{'a':{'dtype':'F32','shape':[true],'data_offsets':[0,8]}}|plain number",
    "{'a':{'dtype':'F32','shape':[9223372036854775808],'data_offsets':[0,8]}}|plain number",
    "{'a':{'dtype':'F32','shape':[18446744073709551618],'data_offsets':[0,8]}}|plain number",
    "{'a':{'dtype':'F32','shape':[4294967296,4294967296],'data_offsets':[0,8]}}|2^63 - 1 bits",
    "{'a':{'dtype':'F32','shape':[9223372036854775807],'data_offsets':[0,8]}}|2^63 - 1 bits",
    "{'a':{'dtype':'F4','shape':[3],'data_offsets':[0,8]}}|12 bits, in whole bytes",
    "{'a':{'dtype':'F32','shape':[3],'data_offsets':[0,8]}}|takes 96 bits",
    "{'a':{'dtype':'F32','shape':[2],'data_offsets':[8,0]}}|data_offsets are [8, 0]",
    "{'a':{'dtype':'F32','shape':[2],'data_offsets':[4,12]}}|hole from 0",
    "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}}|take 4 bytes, and the file has 8",
    "{'a':{'dtype':'F32','shape':[4],'data_offsets':[0,16]}}|take 16 bytes, and the file has 8",
    "{'a':{'dtype':'U8','shape':[9223372036854775],'data_offsets':[0,9223372036854775]}}|and the file has 8",
    "{'a':{'dtype':'U8','shape':[0],'data_offsets':[9223372036854775807,9223372036854775807]}}|data_offsets are",
    "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},'b':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}}|reaches to 4",
    "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},'b':{'dtype':'U8','shape':[3],'data_offsets':[5,8]}}|hole from 4",
    "{'a':{'dtype':'F32','shape':[0],'data_offsets':[2,2]},'b':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}}|reaches to 8",
    "{ONE,ONE}|'a' is there twice",
    "{ONE,'\\u0061':{'dtype':'F32','shape':[0],'data_offsets':[8,8]}}|'a' is there twice",
    "{ONE,'__metadata__':{},'__metadata__':{}}|'__metadata__' is there twice",
    "{ONE,'__metadata__':{'a':'1','a':'1'}}|'a' of __metadata__ is there twice",
    "{ONE,'__metadata__':{'a':1}}|to be a string",
    "{ONE,'__metadata__':{'a':{'b':'c'}}}|to be a string",
    "{ONE,'__metadata__':null}|to be an object",
    "{ONE}{}|follows the closing brace",
    "{ONE}x|x",
    "{ONE,}|",
    "{ONE,'\\ud800':{'dtype':'F32','shape':[0],'data_offsets':[8,8]}}|unpaired surrogate",
  })
  void refuses(String json, String message) {
    String text = json == null ? "" : json.replace("ONE", ONE);
    assertThatThrownBy(() -> read(text, 8)).isExactlyInstanceOf(IOException.class)
        .hasMessageContaining("t.safetensors").hasMessageContaining(message == null ? "" : message);
    assertThatCode(() -> read("{" + ONE + "}", 8)).doesNotThrowAnyException();
  }

  @Test
  void deepNesting() {
    for (String open : List.of("[", "{'a':", "{'__metadata__':")) {
      assertThatThrownBy(() -> read(open.repeat(100_000), 0)).isExactlyInstanceOf(IOException.class);
    }
  }

  @Test
  void namesThatAreNotUtf8() throws IOException {
    for (String name : List.of("\u00ff", "\u00c0\u00af", "\u00ed\u00a0\u0080", "\u00e9")) {
      byte[] json = ("{\"" + name + "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}").getBytes(StandardCharsets.ISO_8859_1);
      assertThatThrownBy(() -> readBytes(json, json.length, 0)).isExactlyInstanceOf(IOException.class).hasMessageContaining("not UTF-8");
    }
    for (var other : List.of(StandardCharsets.UTF_16LE, StandardCharsets.UTF_16, StandardCharsets.UTF_32BE)) {
      byte[] json = "{}".getBytes(other);
      assertThatThrownBy(() -> readBytes(json, json.length, 0)).isExactlyInstanceOf(IOException.class);
    }
  }

  @Test
  void lengthsThatCannotBe() {
    byte[] json = "{}".getBytes(StandardCharsets.UTF_8);
    for (long length : new long[] {3, 100_000_000, 100_000_001, 1L << 32, Long.MAX_VALUE, -1, Long.MIN_VALUE}) {
      assertThatThrownBy(() -> readBytes(json, length, 0)).isExactlyInstanceOf(IOException.class)
          .hasMessageContaining("claims " + Long.toUnsignedString(length));
    }
    assertThatThrownBy(() -> readBytes(json, 0, 0)).isExactlyInstanceOf(IOException.class);
    assertThatThrownBy(() -> readBytes(json, 1, 0)).isExactlyInstanceOf(IOException.class);
    assertThatThrownBy(() -> {
      Path file = folder.resolve("short.safetensors");
      Files.write(file, new byte[7]);
      Checkpoint.open(file).close();
    }).isExactlyInstanceOf(IOException.class).hasMessageContaining("7 bytes are no safetensors");
  }

  @Test
  void npyFilesAreToldWhatTheyAre() throws IOException {
    Path file = Files.write(folder.resolve("t.npy"), "\u0093NUMPY\1\0v\0{'descr': '<f4'}".getBytes(StandardCharsets.ISO_8859_1));
    assertThatThrownBy(() -> Checkpoint.open(file).close()).isExactlyInstanceOf(IOException.class)
        .hasMessageContaining("t.npy is an .npy file").hasMessageContaining("give a safetensors file");
  }

  private SafetensorsHeader read(String json, int data) throws IOException {
    byte[] utf8 = json.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    return readBytes(utf8, utf8.length, data);
  }

  private SafetensorsHeader readBytes(byte[] json, long length, int data) throws IOException {
    Path file = folder.resolve("t.safetensors");
    HostileFiles.write(file, json, length, data);
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      return checkpoint.shards().getFirst().header();
    }
  }
}
