# Online EWC (Schwarz et al., ICML 2018). A config adds penalty, in the unit of EWC's.
method = dict(type='OnlineEWC', decay=1.0)
