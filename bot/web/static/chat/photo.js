// Photos before they are sent: only pictures, and large ones made smaller to spare weak networks.

const TYPES = new Set(["image/jpeg", "image/png", "image/webp"]);
const LONGEST_PX = 2200;

/** Whether this is a kind of picture the service reads. */
export const isPhoto = (file) => TYPES.has(file.type);

/** The photo itself, or a JPEG of at most LONGEST_PX made of it. */
export async function shrunk(file) {
  if (file.size < 1_500_000) return file;
  try {
    const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = Math.min(1, LONGEST_PX / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(bitmap.width * scale);
    canvas.height = Math.round(bitmap.height * scale);
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.88));
    if (!blob || blob.size >= file.size) return file;
    return new File([blob], file.name.replace(/\.\w+$/, "") + ".jpg", { type: "image/jpeg" });
  } catch {
    return file; // the server says what is wrong with it
  }
}
