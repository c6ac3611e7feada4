package io.github.tensorseed;
/// placeholder
final class Expression { private Expression() {} static void parse() {} }
