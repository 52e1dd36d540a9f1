package io.expertlane.kernel.architecture;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.JavaType;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * A class whose supertypes, type parameters and signatures of public and protected members, type arguments included,
 * are free of types with the given name prefixes. Classes and members that users cannot reach are free to use them.
 */
final class PublicApiOnlyOf extends ArchCondition<JavaClass> {
    private final List<String> forbiddenPrefixes;

    PublicApiOnlyOf(final List<String> forbiddenPrefixes) {
        super("have no type of " + forbiddenPrefixes + " in their public API");
        this.forbiddenPrefixes = forbiddenPrefixes;
    }

    @Override
    public void check(final JavaClass type, final ConditionEvents events) {
        if (!isReachable(type.getModifiers())) {
            return;
        }
        final Stream<JavaType> supertypes = Stream.concat(type.getSuperclass().stream(), type.getInterfaces().stream());
        report(type, type.getDescription(), Stream.concat(supertypes, type.getTypeParameters().stream()), events);
        for (final JavaField field : type.getFields()) {
            if (isReachable(field.getModifiers())) {
                report(type, field.getFullName() + " ", Stream.of(field.getType()), events);
            }
        }
        for (final JavaCodeUnit unit : type.getCodeUnits()) {
            if (isReachable(unit.getModifiers())) {
                final Stream<JavaType> signature = Stream.of(Stream.of(unit.getReturnType()),
                    unit.getParameterTypes().stream(),
                    unit.getTypeParameters().stream(), unit.getExceptionTypes().stream()).flatMap(s -> s);
                report(type, unit.getFullName(), signature, events);
            }
        }
    }

    private void report(final JavaClass owner, final String place, final Stream<? extends JavaType> types,
        final ConditionEvents events) {
        types.flatMap(t -> t.getAllInvolvedRawTypes().stream()).map(t -> t.getBaseComponentType().getName()).distinct()
            .filter(name -> forbiddenPrefixes.stream().anyMatch(name::startsWith))
            .forEach(name -> events.add(SimpleConditionEvent.violated(owner, place + " has " + name)));
    }

    private static boolean isReachable(final Set<JavaModifier> modifiers) {
        return modifiers.contains(JavaModifier.PUBLIC) || modifiers.contains(JavaModifier.PROTECTED);
    }
}
