package io.expertlane.kernel.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * The public types of the kernel are those of a checked-in list: one that is added or taken away is a decision, not an
 * accident.
 */
class PublicTypesTest {
    private static final Path LIST = Path.of("src/test/resources/io/expertlane/kernel/architecture/public-types.txt");

    @Test
    void areThoseOfTheList() throws IOException {
        final List<String> found = new ClassFileImporter().withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("io.expertlane.kernel").stream()
            .filter(type -> type.isTopLevelClass() && type.getModifiers().contains(JavaModifier.PUBLIC))
            .map(JavaClass::getName).sorted().toList();
        assertThat(found).isEqualTo(Files.readAllLines(LIST));
    }
}
