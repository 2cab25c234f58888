FROM eclipse-temurin:21-jdk AS build
WORKDIR /workspace
COPY pom.xml* build.gradle* settings.gradle* gradlew* mvnw* ./
COPY .mvn* .mvn
COPY src src
RUN --mount=type=cache,target=/root/.m2 --mount=type=cache,target=/root/.gradle ./mvnw -q package && java -Djarmode=layertools -jar target/app.jar extract --destination extracted

FROM eclipse-temurin:21-jre-alpine
ARG JAVA_OPTS="-XX:MaxRAMPercentage=75 -XX:+ExitOnOutOfMemoryError"
ENV JAVA_OPTS=${JAVA_OPTS}
RUN addgroup -S spring && adduser -S spring -G spring
USER spring:spring
COPY --from=build /workspace/extracted /app/
EXPOSE 8080
ENTRYPOINT exec java $JAVA_OPTS -jar /app/app.jar
