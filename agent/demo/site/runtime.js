// Page-wide settings and small helpers.
export const bootstrap = JSON.parse(document.getElementById("client-bootstrap").textContent);
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const NETWORK_ERROR =
  "A network error occurred. Please check your connection and try again.";
export const PREPARING_ERROR = "There was a problem preparing your chat.";
