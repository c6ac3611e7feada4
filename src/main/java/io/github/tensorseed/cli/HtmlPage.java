package io.github.tensorseed.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;

/// A page of ours that needs nothing else.
final class HtmlPage {
  private static final String BEGINNING = "<!doctype html>\n<html lang=\"en\"><head><meta name=\"generator\" content=\"tensorseed\">";

  private HtmlPage() {}

  /// @throws IOException if there is something other than such a page, or no folder for one
  static void requireReplaceable(Path file) throws IOException {
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      throw new IOException("cannot write " + file + ": there is no folder " + folder);
    }
    if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      byte[] beginning = BEGINNING.getBytes(UTF_8);
      if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
        try (InputStream in = Files.newInputStream(file)) {
          if (Arrays.equals(in.readNBytes(beginning.length), beginning)) {
            return;
          }
        }
      }
      throw new IOException(file + " is there already, and is no page of tensorseed's; choose another name");
    }
  }

  /// Writes the page, whole or not at all.
  ///
  /// @param body HTML
  static void write(Path file, String title, String body) throws IOException {
    Path temporary = Files.createTempFile(file.toAbsolutePath().getParent(), ".tensorseed-", ".html");
    try {
      Files.writeString(temporary, BEGINNING + """
        <meta charset="utf-8"><meta name="viewport" content="width=device-width">
        <title>%1$s</title>
        <style>
        body { font: 14px/1.4 system-ui, sans-serif; margin: 2rem; color: #1c2330; background: #fff }
        h1 { font-size: 1.3rem } p { color: #566 }
        table { border-collapse: collapse; width: 100%% }
        th { text-align: left; font-weight: 600; border-bottom: 2px solid #ccd; padding: .3rem .6rem; position: sticky; top: 0; background: #fff }
        td { border-bottom: 1px solid #e4e6ee; padding: .3rem .6rem; vertical-align: middle }
        td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
        code { font-size: .9em } .flag { color: #a31515 } svg { display: block } rect { fill: #3b6fb6 }
        h2 { font-size: 1.1rem; margin-top: 2rem } .row { display: flex; flex-wrap: wrap; gap: 1.5rem }
        .facts { width: auto } .facts th { border: 0; border-bottom: 1px solid #e4e6ee }
        figure { margin: 0 } figure img { max-width: 100%%; image-rendering: pixelated; border: 1px solid #ccd }
        figcaption { color: #566; font-size: .9em } .chart { width: 100%%; max-width: 946px }
        .chart line { stroke: #e4e6ee } .chart text { font-size: 11px; fill: #566 } .chart polyline { fill: none; stroke-width: 2; stroke-linecap: round }
        .chart line.mark { stroke: #889; stroke-dasharray: 4 3 }
        .chart line.zeros { stroke: #d9822b; stroke-width: 2 }
        .key { display: inline-block; width: 1.2em; height: 3px; vertical-align: middle; margin-left: 1em }
        @media (prefers-color-scheme: dark) {
          body, th { background: #14181f; color: #dde3ee } p { color: #9ab } th { border-color: #345 } td { border-color: #253040 }
          figcaption, .chart text { color: #9ab; fill: #9ab } .facts th, .chart line { border-color: #253040; stroke: #253040 }
          rect { fill: #7aa7e6 } .flag { color: #ff8a80 }
        }
        </style></head><body>
        <h1>%1$s</h1>
        """.formatted(escape(title)) + body + "</body></html>\n");
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  static String escape(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
  }
}
