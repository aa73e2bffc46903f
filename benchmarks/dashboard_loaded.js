// What the browser has reported of the dashboard's page so far, and each of its requests.
const entries = (type) => {
  const observer = new PerformanceObserver(() => {});
  observer.observe({ type, buffered: true });
  return observer.takeRecords();
};
const request = ({ name, transferSize, startTime, requestStart, responseStart, responseEnd }) => ({
  path: new URL(name).pathname,
  bytes: transferSize,
  asked: startTime,
  sent: requestStart,
  answered: responseStart,
  ended: responseEnd,
});
return {
  painted: entries("paint").find(({ name }) => name === "first-contentful-paint").startTime,
  largest: entries("largest-contentful-paint").at(-1).startTime,
  drawn,
  requests: ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type)).map(request),
};
