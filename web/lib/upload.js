// Sends a file, and tells how far it is: fetch does not.
import { Problem } from "./api.js";
import { session } from "./session.js";

// address: with its query; told(share): 0 to 1. Throws a Problem.
export function upload(address, file, told, signal) {
    return new Promise((resolve, reject) => {
        const sending = new XMLHttpRequest();
        sending.open("PUT", address);
        sending.setRequestHeader("X-API-Key", session.get().key);
        sending.setRequestHeader("Content-Type", "application/octet-stream");
        sending.upload.onprogress = ({ loaded, total }) => told(total ? loaded / total : 1);
        sending.onload = () => (sending.status < 300 ? resolve() : reject(new Problem(sending.status, parsed(sending.responseText))));
        sending.onerror = () => reject(new Problem(0, null));
        sending.onabort = () => reject(new DOMException("stopped", "AbortError"));
        signal.addEventListener("abort", () => sending.abort());
        sending.send(file);
    });
}

function parsed(text) {
    try {
        return JSON.parse(text);
    } catch {
        return null;
    }
}
