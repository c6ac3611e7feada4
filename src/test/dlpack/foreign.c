// Another library that speaks DLPack 1.1, by its own copy of the structs. It reads what is lent to it, lends tensors, and counts.
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  void *data;
  struct { int32_t device_type, device_id; } device;
  int32_t ndim;
  struct { uint8_t code, bits; uint16_t lanes; } dtype;
  int64_t *shape;
  int64_t *strides;
  uint64_t byte_offset;
} DLTensor;

typedef struct DLManagedTensor {
  DLTensor dl_tensor;
  void *manager_ctx;
  void (*deleter)(struct DLManagedTensor *);
} DLManagedTensor;

typedef struct DLManagedTensorVersioned {
  struct { uint32_t major, minor; } version;
  void *manager_ctx;
  void (*deleter)(struct DLManagedTensorVersioned *);
  uint64_t flags;
  DLTensor dl_tensor;
} DLManagedTensorVersioned;

_Static_assert(sizeof(DLTensor) == 48 && sizeof(DLManagedTensor) == 64 && sizeof(DLManagedTensorVersioned) == 80, "as on LP64");

// What this library has lent. Never freed, so that a second call of a deleter is seen.
typedef struct {
  int deleted;
  void *memory;
  int64_t *numbers;
} Loan;

static atomic_long live, twice;

static DLTensor *tensor(void *managed, int versioned) {
  return versioned ? &((DLManagedTensorVersioned *) managed)->dl_tensor : &((DLManagedTensor *) managed)->dl_tensor;
}

static int end(Loan *loan) {
  if (loan->deleted++) {
    twice++;
    return 0;
  }
  live--;
  free(loan->memory);
  free(loan->numbers);
  return 1;
}

// The structs stay, for the same reason.
static void delete_versioned(DLManagedTensorVersioned *self) { end(self->manager_ctx); }
static void delete_legacy(DLManagedTensor *self) { end(self->manager_ctx); }

// As a well-behaved producer does: the struct is freed as well.
static void free_versioned(DLManagedTensorVersioned *self) {
  Loan *loan = self->manager_ctx;
  end(loan);
  free(loan);
  free(self);
}

int64_t foreign_live(void) { return live; }
int64_t foreign_twice(void) { return twice; }

int64_t foreign_field(void *managed, int versioned, int64_t field) {
  DLManagedTensorVersioned *v = managed;
  DLTensor *t = tensor(managed, versioned);
  switch (field) {
    case 0: return v->version.major;
    case 1: return v->version.minor;
    case 2: return (int64_t) v->flags;
    case 3: return t->device.device_type;
    case 4: return t->device.device_id;
    case 5: return t->ndim;
    case 6: return t->dtype.code;
    case 7: return t->dtype.bits;
    case 8: return t->dtype.lanes;
    case 9: return (int64_t) t->byte_offset;
    case 10: return (int64_t) (intptr_t) t->data;
    default: return field < 100 ? t->shape[field - 20] : t->strides[field - 100];
  }
}

static char *element(DLTensor *t, const int64_t *index) {
  int64_t at = 0, packed = 1;
  for (int axis = t->ndim - 1; axis >= 0; axis--) {
    at += index[axis] * (t->strides ? t->strides[axis] : packed);
    packed *= t->shape[axis];
  }
  return (char *) t->data + t->byte_offset + at * (t->dtype.bits / 8);
}

// The bits of an element on the host.
uint64_t foreign_bits(void *managed, int versioned, const int64_t *index) {
  DLTensor *t = tensor(managed, versioned);
  uint64_t bits = 0;
  memcpy(&bits, element(t, index), t->dtype.bits / 8);
  return bits;
}

void foreign_set_bits(void *managed, int versioned, const int64_t *index, uint64_t bits) {
  DLTensor *t = tensor(managed, versioned);
  memcpy(element(t, index), &bits, t->dtype.bits / 8);
}

static void *call(void *managed) {
  DLManagedTensorVersioned *v = managed;
  v->deleter(v);
  return NULL;
}

void foreign_delete(void *managed, int versioned) {
  if (versioned) {
    call(managed);
  } else {
    DLManagedTensor *legacy = managed;
    legacy->deleter(legacy);
  }
}

// The same of a versioned one by a thread that Java has never seen; 0 if it ran.
int foreign_delete_elsewhere(void *managed) {
  pthread_t thread;
  return pthread_create(&thread, NULL, call, managed) || pthread_join(thread, NULL);
}

// A tensor of `bytes` fresh bytes, or of device memory at `data` if that is not 0. Numbers: device_type, device_id, code, bits, lanes,
// ndim, byte_offset, flags, major, whether there are strides, then the shape and the strides.
void *foreign_lend(int versioned, int64_t bytes, int64_t data, const int64_t *numbers) {
  int64_t ndim = numbers[5] < 0 || numbers[5] > 64 ? 0 : numbers[5];
  Loan *loan = calloc(1, sizeof *loan);
  loan->memory = data ? NULL : calloc(1, bytes ? bytes : 1);
  loan->numbers = malloc((2 * ndim + 1) * sizeof(int64_t));
  memcpy(loan->numbers, numbers + 10, (size_t) ((numbers[9] ? 2 : 1) * ndim) * sizeof(int64_t));
  void *managed = calloc(1, versioned ? sizeof(DLManagedTensorVersioned) : sizeof(DLManagedTensor));
  DLTensor *t = tensor(managed, versioned);
  t->data = data ? (void *) (intptr_t) data : bytes ? loan->memory : NULL;
  t->device.device_type = (int32_t) numbers[0];
  t->device.device_id = (int32_t) numbers[1];
  t->dtype.code = (uint8_t) numbers[2];
  t->dtype.bits = (uint8_t) numbers[3];
  t->dtype.lanes = (uint16_t) numbers[4];
  t->ndim = (int32_t) numbers[5];
  t->byte_offset = (uint64_t) numbers[6];
  t->shape = ndim ? loan->numbers : NULL;
  t->strides = numbers[9] ? loan->numbers + ndim : NULL;
  if (versioned) {
    DLManagedTensorVersioned *v = managed;
    v->version.major = (uint32_t) numbers[8];
    v->version.minor = 1;
    v->flags = (uint64_t) numbers[7];
    v->manager_ctx = loan;
    v->deleter = delete_versioned;
  } else {
    DLManagedTensor *legacy = managed;
    legacy->manager_ctx = loan;
    legacy->deleter = delete_legacy;
  }
  live++;
  return managed;
}

// What is lent by the versioned struct frees the struct too, or has no deleter at all (whether = 0).
void foreign_deleter(DLManagedTensorVersioned *managed, int whether) { managed->deleter = whether ? free_versioned : NULL; }
