package io.expertlane.bench.jmh;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.classfile.Annotation;
import java.lang.classfile.Attributes;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.FieldModel;
import java.lang.classfile.MethodModel;
import java.lang.classfile.Opcode;
import java.lang.classfile.instruction.FieldInstruction;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.VerboseMode;

/** What the compiled benchmarks must and must not do, read from their class files. */
class BenchmarkSourceTest {
    private static final Path MAIN = Path.of("target/classes/io/expertlane/bench/jmh");
    private static final Path TEST = Path.of("target/test-classes/io/expertlane/bench/jmh");
    private static final String CONSTRUCTOR = "<init>";

    @Test
    void noMethodOverwritesAParameter() throws IOException {
        final List<ClassModel> classes = classes(MAIN);
        assertThat(params(classes).values().stream().mapToInt(Set::size).sum()).as("parameters found")
            .isGreaterThan(50);
        assertThat(overwrites(classes)).isEmpty();
    }

    @Test
    void anOverwrittenParameterIsFound() throws IOException {
        assertThat(overwrites(classes(TEST))).containsExactly("OverwritingSetup.setUp writes size");
    }

    /** Without its annotation processor javac makes no list, or an old one, in silence. */
    @Test
    void everyBenchmarkIsInJmhsList() throws IOException {
        final Set<String> listed = BenchmarkList.defaultList()
            .getAll(OutputFormatFactory.createFormatInstance(System.out, VerboseMode.SILENT), List.of())
            .stream().map(entry -> entry.getUsername())
            .filter(name -> !name.contains(".Sample") && !name.contains(".Broken")).collect(Collectors.toSet());
        final Set<String> compiled = new HashSet<>();
        for (final ClassModel model : classes(MAIN)) {
            for (final MethodModel method : model.methods()) {
                if (isAnnotated(method.findAttribute(Attributes.runtimeVisibleAnnotations()).map(a -> a.annotations())
                    .orElse(List.of()), Benchmark.class)) {
                    compiled.add(name(model).replace('/', '.') + "." + method.methodName().stringValue());
                }
            }
        }
        assertThat(listed).isEqualTo(compiled).hasSizeGreaterThan(40);
    }

    @Test
    void everyBenchmarkClassIsDocumented() throws IOException {
        final String page = Files.readString(Path.of("../docs/benchmarks.md"));
        final Set<String> undocumented = new TreeSet<>();
        for (final ClassModel model : classes(MAIN)) {
            final String simple = name(model).substring(name(model).lastIndexOf('/') + 1);
            if (simple.endsWith("Benchmark") && !page.contains("`" + simple + "`")) {
                undocumented.add(simple);
            }
        }
        assertThat(undocumented).isEmpty();
    }

    private static Map<String, Set<String>> params(final List<ClassModel> classes) {
        final Map<String, Set<String>> params = new HashMap<>();
        for (final ClassModel model : classes) {
            for (final FieldModel field : model.fields()) {
                if (isAnnotated(field.findAttribute(Attributes.runtimeVisibleAnnotations()).map(a -> a.annotations())
                    .orElse(List.of()), Param.class)) {
                    params.computeIfAbsent(name(model), _ -> new HashSet<>()).add(field.fieldName().stringValue());
                }
            }
        }
        return params;
    }

    private static List<String> overwrites(final List<ClassModel> classes) {
        final Map<String, Set<String>> params = params(classes);
        final List<String> found = new ArrayList<>();
        for (final ClassModel model : classes) {
            for (final MethodModel method : model.methods()) {
                if (!method.methodName().stringValue().equals(CONSTRUCTOR)) {
                    method.code().ifPresent(code -> code.forEach(element -> {
                        if (element instanceof FieldInstruction access && access.opcode() == Opcode.PUTFIELD
                            && params.getOrDefault(access.owner().asInternalName(), Set.of())
                            .contains(access.name().stringValue())) {
                            found.add(name(model).substring(name(model).lastIndexOf('/') + 1) + "."
                                + method.methodName().stringValue() + " writes "
                                + access.name().stringValue());
                        }
                    }));
                }
            }
        }
        return found;
    }

    private static boolean isAnnotated(final List<Annotation> annotations, final Class<?> type) {
        return annotations.stream().anyMatch(a -> a.classSymbol().descriptorString().equals(type.descriptorString()));
    }

    private static String name(final ClassModel model) {
        return model.thisClass().asInternalName();
    }

    private static List<ClassModel> classes(final Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            final List<ClassModel> models = new ArrayList<>();
            for (final Path file : files.filter(f -> f.toString().endsWith(".class")).sorted().toList()) {
                models.add(ClassFile.of().parse(file));
            }
            return models;
        }
    }
}
