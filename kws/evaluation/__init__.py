"""Measure a model on recordings: miss rates against false alarms per hour.

scores runs the detector over recordings; operating_points and evaluate count misses and false
alarms at thresholds, det along all of them; top1_accuracy compares with classifiers. test_set reads
the recordings, clean or in noise; report, figures and worst_cases make the HTML report.
"""
