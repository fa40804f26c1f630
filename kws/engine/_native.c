/* The C road as a Python type: kws/native.py packs the plan that Engine reads. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "spotter.h"

typedef struct {
  PyObject_HEAD
  kws_spotter spotter;
  kws_model model;
  void *plan; /* what the model points into */
  kws_layer *layers;
  void *memory;
} engine_t;

/* Reads a plan: 32-bit numbers and arrays padded to 4 bytes, one after the other. */
typedef struct {
  const char *at;
  size_t left;
  int short_of; /* the plan ended too early */
} reader_t;

static const void *take(reader_t *reader, size_t count, size_t size) {
  const size_t bytes = (count * size + 3) & ~(size_t)3;
  const void *at = reader->at;
  if (bytes > reader->left) {
    reader->short_of = 1;
    return NULL;
  }
  reader->at += bytes;
  reader->left -= bytes;
  return at;
}

static int32_t number(reader_t *reader) {
  const int32_t *value = take(reader, 1, sizeof *value);
  return value == NULL ? 0 : *value;
}

static float real(reader_t *reader) {
  const float *value = take(reader, 1, sizeof *value);
  return value == NULL ? 0 : *value;
}

static void read_gate(reader_t *reader, kws_gate_settings *settings) {
  settings->on = (uint8_t)number(reader);
  settings->step = (uint8_t)number(reader);
  settings->hop = (uint16_t)number(reader);
  settings->pre_roll = (uint16_t)number(reader);
  settings->hangover = (uint16_t)number(reader);
  settings->initial_hangover = (uint16_t)number(reader);
  settings->noise_floor_window = (uint16_t)number(reader);
  settings->ratio = (uint32_t)number(reader);
  settings->min_energy = (uint32_t)number(reader);
}

static void read_front_end(reader_t *reader, kws_mfcc_tables *tables) {
  tables->window = (uint16_t)number(reader);
  tables->hop = (uint16_t)number(reader);
  tables->points = (uint16_t)number(reader);
  tables->last_bin = (uint16_t)number(reader);
  tables->mel_filters = (uint8_t)number(reader);
  tables->coefficients = (uint8_t)number(reader);
  tables->log_offset = real(reader);
  const size_t points = tables->points, filters = tables->mel_filters;
  const size_t weights = (size_t)number(reader);
  tables->hann = take(reader, tables->window, sizeof(float));
  tables->places = take(reader, points, sizeof(uint16_t));
  tables->twiddles = take(reader, points * 3 / 2, sizeof(float));
  tables->split_twiddles = take(reader, points, sizeof(float));
  tables->mel_first = take(reader, filters, sizeof(uint16_t));
  tables->mel_count = take(reader, filters, sizeof(uint16_t));
  tables->mel_weights = take(reader, weights, sizeof(float));
  tables->dct = take(reader, tables->coefficients * (filters / 2), sizeof(float));
  tables->bias = take(reader, tables->coefficients, sizeof(float));
}

static void read_layer(reader_t *reader, kws_layer *layer) {
  layer->kind = (uint8_t)number(reader);
  layer->time_kernel = (uint8_t)number(reader);
  layer->time_stride = (uint8_t)number(reader);
  layer->time_before = (uint8_t)number(reader);
  layer->time_after = (uint8_t)number(reader);
  layer->kernel = (uint8_t)number(reader);
  layer->stride = (uint8_t)number(reader);
  layer->cells_before = (uint8_t)number(reader);
  layer->cells = (uint16_t)number(reader);
  layer->channels = (uint16_t)number(reader);
  layer->output_cells = (uint16_t)number(reader);
  layer->output_channels = (uint16_t)number(reader);
  layer->zero = (int8_t)number(reader);
  layer->output_zero = (int8_t)number(reader);
  layer->least = (int8_t)number(reader);
  layer->greatest = (int8_t)number(reader);
  layer->columns = (uint32_t)number(reader);
  const size_t weights = (size_t)number(reader), bias = (size_t)number(reader);
  const size_t channels = (size_t)number(reader);
  layer->weights = take(reader, weights, sizeof(int8_t));
  layer->bias = take(reader, bias, sizeof(int32_t));
  layer->multiplier = take(reader, channels, sizeof(int32_t));
  layer->shifts = take(reader, 2 * channels, sizeof(uint8_t));
}

static int read_network(reader_t *reader, engine_t *self) {
  kws_network *network = &self->model.network;
  network->layer_count = (uint16_t)number(reader);
  network->row_values = (uint16_t)number(reader);
  network->window_frames = (uint16_t)number(reader);
  network->classes = (uint16_t)number(reader);
  network->row_zero = (int8_t)number(reader);
  network->row_gain = real(reader);
  network->phases = (uint8_t)number(reader);
  network->phase_frames = (uint8_t)number(reader);
  network->scratch = (uint32_t)number(reader);
  network->rings = (uint32_t)number(reader);
  network->phase_bytes = (uint32_t)number(reader);
  network->memory_bytes = (uint32_t)number(reader);
  if (network->layer_count > KWS_MAX_LAYERS || network->phases > KWS_MAX_PHASES) reader->short_of = 1;
  if (reader->short_of) return 0;
  self->layers = PyMem_Calloc(network->layer_count + 1u, sizeof *self->layers);
  if (self->layers == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  for (int i = 0; i < network->layer_count; ++i) read_layer(reader, &self->layers[i]);
  network->layers = self->layers;
  return 0;
}

static void read_posterior(reader_t *reader, kws_posterior_settings *settings) {
  settings->keywords = (uint8_t)number(reader);
  settings->smooth_steps = (uint8_t)number(reader);
  settings->max_steps = (uint8_t)number(reader);
  settings->refractory_steps = (uint16_t)number(reader);
  settings->step_samples = (uint16_t)number(reader);
  settings->first_samples = (uint32_t)number(reader);
  settings->levels = take(reader, settings->keywords, sizeof(uint16_t));
  settings->exponentials = take(reader, settings->keywords == 0 ? 0 : 256, sizeof(uint32_t));
}

static int read_plan(engine_t *self, const Py_buffer *plan) {
  kws_model *model = &self->model;
  self->plan = PyMem_Malloc((size_t)plan->len + 1);
  if (self->plan == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  memcpy(self->plan, plan->buf, (size_t)plan->len);
  reader_t reader = {self->plan, (size_t)plan->len, 0};
  read_gate(&reader, &model->gate);
  read_front_end(&reader, &model->front_end);
  if (read_network(&reader, self) < 0) return -1;
  read_posterior(&reader, &model->posterior);
  model->priming_samples = (uint32_t)number(&reader);
  model->row_at = (uint32_t)number(&reader);
  model->posterior_at = (uint32_t)number(&reader);
  model->pending_at = (uint32_t)number(&reader);
  model->gate_at = (uint32_t)number(&reader);
  model->scores_at = (uint32_t)number(&reader);
  model->memory_bytes = (uint32_t)number(&reader);
  if (reader.short_of || reader.left > 0) {
    PyErr_SetString(PyExc_ValueError, "the plan does not fit this engine");
    return -1;
  }
  return 0;
}

static int engine_init(engine_t *self, PyObject *arguments, PyObject *names) {
  Py_buffer plan;
  (void)names;
  if (self->plan != NULL) {
    PyErr_SetString(PyExc_TypeError, "an engine is made once");
    return -1;
  }
  if (!PyArg_ParseTuple(arguments, "y*:Engine", &plan)) return -1;
  const int failed = read_plan(self, &plan);
  PyBuffer_Release(&plan);
  if (failed < 0) return -1;
  self->memory = PyMem_Calloc(self->model.memory_bytes + 1u, 1);
  if (self->memory == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  kws_spotter_init(&self->spotter, &self->model, self->memory);
  return 0;
}

static void engine_dealloc(engine_t *self) {
  PyTypeObject *type = Py_TYPE(self);
  PyMem_Free(self->memory);
  PyMem_Free(self->layers);
  PyMem_Free(self->plan);
  type->tp_free((PyObject *)self);
  Py_DECREF(type);
}

/* The argument's bytes; a whole number of items of `size` bytes. */
static int items(engine_t *self, PyObject *object, size_t size, Py_buffer *buffer) {
  if (self->memory == NULL || size == 0) {
    PyErr_SetString(PyExc_ValueError, "this engine has no such stage");
    return -1;
  }
  if (PyObject_GetBuffer(object, buffer, PyBUF_C_CONTIGUOUS) < 0) return -1;
  if ((size_t)buffer->len % size == 0) return 0;
  PyErr_SetString(PyExc_ValueError, "not a whole number of samples or rows");
  PyBuffer_Release(buffer);
  return -1;
}

static PyObject *engine_reset(engine_t *self, PyObject *unused) {
  (void)unused;
  if (self->memory != NULL) kws_spotter_reset(&self->spotter);
  Py_RETURN_NONE;
}

static PyObject *engine_push(engine_t *self, PyObject *object) {
  Py_buffer buffer;
  const size_t hop = self->model.front_end.hop;
  if (items(self, object, hop == 0 || self->model.posterior.keywords == 0 ? 0 : 2, &buffer) < 0)
    return NULL;
  const size_t count = (size_t)buffer.len / 2;
  const size_t room = count / hop + self->model.gate.pre_roll + 2u; /* one per step at most */
  kws_detection *found = PyMem_Malloc(room * sizeof *found);
  PyObject *list = found == NULL ? PyErr_NoMemory() : PyList_New(0);
  if (list != NULL) {
    const int fired = kws_spotter_push(&self->spotter, buffer.buf, count, found, (int)room);
    for (int i = 0; list != NULL && i < fired; ++i) {
      PyObject *entry = Py_BuildValue("Kii", (unsigned long long)found[i].sample,
                                      (int)found[i].keyword, (int)found[i].confidence);
      if (entry == NULL || PyList_Append(list, entry) < 0) Py_CLEAR(list);
      Py_XDECREF(entry);
    }
  }
  PyMem_Free(found);
  PyBuffer_Release(&buffer);
  return list;
}

static PyObject *engine_rows(engine_t *self, PyObject *object) {
  Py_buffer buffer;
  const size_t hop = self->model.front_end.hop;
  const size_t row = self->model.front_end.coefficients * sizeof(float);
  if (items(self, object, hop == 0 ? 0 : 2, &buffer) < 0) return NULL;
  const int16_t *samples = buffer.buf;
  size_t left = (size_t)buffer.len / 2, used = 0;
  PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)((left / hop + 1) * row));
  while (bytes != NULL && left > 0) {
    bool ready;
    const size_t taken = kws_mfcc_push(&self->spotter.mfcc, samples, left, self->spotter.row, &ready);
    samples += taken;
    left -= taken;
    if (!ready) continue;
    memcpy(PyBytes_AS_STRING(bytes) + used, self->spotter.row, row);
    used += row;
  }
  PyBuffer_Release(&buffer);
  if (bytes != NULL) _PyBytes_Resize(&bytes, (Py_ssize_t)used);
  return bytes;
}

static PyObject *engine_scores(engine_t *self, PyObject *object) {
  Py_buffer buffer;
  const kws_network *network = &self->model.network;
  const size_t row = network->row_values * sizeof(float);
  if (items(self, object, network->layer_count == 0 ? 0 : row, &buffer) < 0) return NULL;
  const size_t count = (size_t)buffer.len / row;
  size_t used = 0;
  PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * network->classes));
  for (size_t i = 0; bytes != NULL && i < count; ++i) {
    memcpy(self->spotter.row, (const char *)buffer.buf + i * row, row);
    if (!kws_ds_cnn_push(&self->spotter.ds_cnn, self->spotter.row, self->spotter.scores)) continue;
    memcpy(PyBytes_AS_STRING(bytes) + used, self->spotter.scores, network->classes);
    used += network->classes;
  }
  PyBuffer_Release(&buffer);
  if (bytes != NULL) _PyBytes_Resize(&bytes, (Py_ssize_t)used);
  return bytes;
}

static PyObject *engine_peaks(engine_t *self, PyObject *unused) {
  (void)unused;
  const int keywords = self->memory == NULL ? 0 : self->model.posterior.keywords;
  PyObject *list = PyList_New(keywords);
  for (int i = 0; list != NULL && i < keywords; ++i) {
    const int level = kws_spotter_score(&self->spotter, i);
    PyObject *value = PyLong_FromLong(level);
    if (value == NULL) Py_CLEAR(list);
    else PyList_SET_ITEM(list, i, value);
  }
  return list;
}

static PyMethodDef methods[] = {
    {"push", (PyCFunction)engine_push, METH_O,
     "int16 samples to detections: (sample, keyword index, confidence of 32768)"},
    {"rows", (PyCFunction)engine_rows, METH_O, "int16 samples to float32 feature rows, as bytes"},
    {"scores", (PyCFunction)engine_scores, METH_O, "float32 rows to int8 scores, as bytes"},
    {"peaks", (PyCFunction)engine_peaks, METH_NOARGS, "of 32768, per keyword; 0 while the gate is closed"},
    {"reset", (PyCFunction)engine_reset, METH_NOARGS, "forget the stream"},
    {NULL, NULL, 0, NULL}};

static PyType_Slot slots[] = {{Py_tp_init, engine_init},
                              {Py_tp_dealloc, engine_dealloc},
                              {Py_tp_methods, methods},
                              {Py_tp_new, PyType_GenericNew},
                              {0, NULL}};

static PyType_Spec specification = {"kws.engine._native.Engine", sizeof(engine_t), 0, Py_TPFLAGS_DEFAULT,
                                    slots};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "kws.engine._native", NULL, -1, NULL, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void) {
  PyObject *module = PyModule_Create(&definition);
  PyObject *type = module == NULL ? NULL : PyType_FromSpec(&specification);
  if (type == NULL || PyModule_AddObject(module, "Engine", type) < 0) {
    Py_XDECREF(type);
    Py_CLEAR(module);
  }
  return module;
}
