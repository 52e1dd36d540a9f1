package io.expertlane.bench.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/** The version of the build, from the parent pom, and of the JDK that runs it. */
final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() throws IOException {
        final Properties build = new Properties();
        try (InputStream in = Version.class.getResourceAsStream("/io/expertlane/bench/build.properties")) {
            build.load(in);
        }
        return new String[] {"expertlane " + build.getProperty("version"), "JDK " + Runtime.version()};
    }
}
