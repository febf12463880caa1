"use strict";
// Integrity script: answers the challenge of the prepare call (here with a toy proof).
window.SentinelSDK = {
  prove: ({ seed, difficulty }) => btoa(JSON.stringify([seed, difficulty, screen.width])),
};
