// A reporter of Node's test runner: a line for each test, why one failed, and how many passed and failed.

export default async function* counts(events) {
  let passed = 0;
  let failed = 0;
  for await (const { type, data } of events) {
    if (type === "test:stdout" || type === "test:stderr") yield data.message;
    if (type === "test:pass") {
      passed += 1;
      yield `ok ${data.name}\n`;
    }
    if (type === "test:fail") {
      failed += 1;
      const { error } = data.details;
      yield `FAILED ${data.name}\n${(error.cause ?? error).stack ?? error}\n`;
    }
  }
  yield `${passed} passed, ${failed} failed\n`;
}
