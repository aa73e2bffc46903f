// What the browser has reported of this page so far. The observer hands over at once what it holds.
const entries = (type) => {
  const observer = new PerformanceObserver(() => {});
  observer.observe({ type, buffered: true });
  return observer.takeRecords();
};
const sum = (values) => values.reduce((total, value) => total + value, 0);
const longTasks = entries("longtask").map(({ duration }) => duration);
return {
  TTFB: performance.getEntriesByType("navigation")[0].responseStart,
  FCP: entries("paint").find(({ name }) => name == "first-contentful-paint").startTime,
  LCP: entries("largest-contentful-paint").at(-1).startTime,
  CLS: sum(entries("layout-shift").map(({ value, hadRecentInput }) => (hadRecentInput ? 0 : value))),
  "long tasks": longTasks.length,
  "blocking time": sum(longTasks.map((duration) => duration - 50)),
};
