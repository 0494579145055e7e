// Counts checks.

let passed = 0;
let failed = 0;

/** Runs a check; each may use what the ones before it left. */
export async function check(name, run) {
  try {
    await run();
    passed += 1;
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}`);
    console.log(error);
  }
}

/** Prints the counts, and ends the process with them. */
export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}
