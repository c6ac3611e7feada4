package io.github.tensorseed.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/// What a `model.safetensors.index.json` says.
///
/// @param ours whether it is marked as written by us
/// @param files the file of each tensor: plain names, which lead nowhere but into the index's own directory
record ShardIndex(boolean ours, Map<String, String> files) {

  /// Reads an index, which may be hostile.
  static ShardIndex read(Path index, Json.Budget budget) throws IOException {
    long size = Files.size(index);
    if (size > SafetensorsHeader.MAX_LENGTH) {
      throw new IOException(index + ": " + size + " bytes; an index has at most " + SafetensorsHeader.MAX_LENGTH);
    }
    Map<String, String> files = new HashMap<>();
    Map<String, String> plain = new HashMap<>(); // one String per file, not one per tensor
    Set<String> keys = new HashSet<>();
    Set<String> marks = new HashSet<>();
    try (InputStream in = Files.newInputStream(index); Json json = new Json(index.toString(), in, budget)) {
      json.object("the index", key -> {
        if (!keys.add(key)) {
          throw json.malformed("'" + key + "' is there twice");
        }
        switch (key) {
          case "metadata" -> json.object("metadata", mark -> {
            marks.add(mark);
            json.skip();
          });
          case "weight_map" -> json.object("weight_map", tensor -> {
            String file = json.string("the file of '" + tensor + "'");
            if (!isPlainName(file)) {
              throw json.malformed("the file of '" + tensor + "' is '" + file + "'; only plain names of files beside the index are opened");
            }
            json.keep(tensor, 0);
            String first = plain.putIfAbsent(file, file);
            if (first == null) {
              json.keep(file, 0);
            }
            if (files.put(tensor, first == null ? file : first) != null) {
              throw json.malformed("tensor '" + tensor + "' is there twice");
            }
          });
          default -> json.skip();
        }
      });
      json.end();
    }
    if (!keys.contains("weight_map")) {
      throw new IOException(index + ": no weight_map, which says in which file each tensor is");
    }
    return new ShardIndex(marks.contains(Provenance.VERSION_KEY), files);
  }

  /// Whether `name` is one component of a path on every system: nothing absolute, no way up, no drive.
  static boolean isPlainName(String name) {
    return !name.isBlank() && !name.equals(".") && !name.equals("..")
        && name.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || Character.isISOControl(c));
  }
}
