// Starts Swagger UI with a plug-in that shows a stream while it comes: without it, the page waits for the end of an answer.

/** True for an answer that comes in pieces. */
function isStream(answer) {
  return (answer.headers.get("content-type") ?? "").startsWith("text/event-stream");
}

/** Shows an answer as far as it has come, until it ends or breaks off. The page then shows it as a whole, or what went wrong. */
async function follow(answer, show) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  show(text);
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    text += value;
    show(text);
  }
}

/** Fetches as the browser does; of a stream, a copy is followed. */
function fetchFor(system, { pathName, method }) {
  return async (url, request) => {
    const began = Date.now();
    const answer = await fetch(url, request);
    if (isStream(answer)) {
      const headers = Object.fromEntries(answer.headers);
      const { ok, status, statusText } = answer;
      const show = (text) => {
        const shown = { ok, url, status, statusText, headers, text, data: text, duration: Date.now() - began };
        system.specActions.setResponse(pathName, method, shown);
      };
      follow(answer.clone(), show).catch(() => {});
    }
    return answer;
  };
}

/** The plug-in: calls of the page fetch by our function. */
function streams() {
  const executeRequest = (execute, system) => (call) => execute({ ...call, userFetch: fetchFor(system, call) });
  return { statePlugins: { spec: { wrapActions: { executeRequest } } } };
}

/** The document, whose examples call the platform where the reader found it. */
function asFound(answer) {
  if (new URL(answer.url, location.href).pathname !== "/openapi.json") return answer;
  answer.text = answer.text.replaceAll("http://127.0.0.1:8000", location.origin);
  return answer;
}

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  persistAuthorization: true,
  validatorUrl: null,
  responseInterceptor: asFound,
  plugins: [streams],
});
