package io.expertlane.nic.architecture;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import io.expertlane.nic.violation.UsesSuite;
import org.junit.jupiter.api.Test;

/** What the NIC model may know. The rule is also held against a class that breaks it. */
class ArchitectureTest {
    private static final ArchRule NO_UPWARD_DEPENDENCY = noClasses().that().resideInAPackage("io.expertlane.nic..")
        .should().dependOnClassesThat().resideInAPackage("io.expertlane.bench..");

    @Test
    void deviceKnowsNothingOfTheBenchmarks() {
        final JavaClasses device = new ClassFileImporter().withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("io.expertlane.nic");
        assertThat(device).isNotEmpty();
        NO_UPWARD_DEPENDENCY.check(device);
        final JavaClasses violating = new ClassFileImporter().importClasses(UsesSuite.class);
        assertThatThrownBy(() -> NO_UPWARD_DEPENDENCY.check(violating)).isInstanceOf(AssertionError.class)
            .hasMessageContaining("UsesSuite");
    }
}
